"""What test runners do with the log: flush, parallel databases, no migrations, a live server."""

import sys
from io import StringIO
from unittest import mock

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import flush
from django.db import connections
from django.test import TransactionTestCase

from tests.django.books.events import BookAdded, BookBorrowed
from tests.django.books.models import Shelf
from tests.django.project import Failed, Project

pytestmark = pytest.mark.any_way


def header(alias):
    with connections[alias].cursor() as cursor:
        return cursor.execute("SELECT log_id, epoch, head FROM eventfold_header").fetchone()


class FlushTests(TransactionTestCase):
    databases = ["default", "memory"]

    def record(self, alias):
        BookBorrowed.objects.using(alias).bulk_create([BookBorrowed(book=7, borrowed_by="ann") for _ in range(3)])
        Shelf.objects.using(alias).create(name="a")

    def test_flush_empties_the_log(self):
        for alias in self.databases:
            with self.subTest(alias):
                self.record(alias)
                log_id, epoch, head = header(alias)
                call_command("flush", interactive=False, database=alias, verbosity=0)
                self.assertEqual(BookBorrowed.objects.using(alias).count(), 0)
                self.assertEqual(Shelf.objects.using(alias).count(), 0)
                self.assertEqual(header(alias), (log_id, epoch + 1, head))

    def test_positions_and_stream_versions_go_on_after_a_flush(self):
        for alias in self.databases:
            with self.subTest(alias):
                self.record(alias)
                head = header(alias)[2]
                call_command("flush", interactive=False, database=alias, verbosity=0)
                event = BookBorrowed.objects.using(alias).create(book=7, borrowed_by="bob")
                self.assertEqual(event.position, head + 1)
                self.assertEqual(event.recorded.version, 1)  # the stream is a new one
                self.assertEqual(BookBorrowed.objects.using(alias).get().borrowed_by, "bob")

    def test_flush_leaves_the_views_as_they_are(self):
        with connections["default"].cursor() as cursor:
            before = cursor.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
            call_command("flush", interactive=False, verbosity=0)
            self.assertEqual(cursor.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall(), before)


class AvailableAppsTests(TransactionTestCase):
    """available_apps restricts what Django flushes, and keeps post_migrate from being sent."""

    available_apps = ["tests.django.books"]

    def test_1_events_are_recorded(self):
        BookAdded.objects.create(book=1, title="Emma")
        self.assertEqual(BookAdded.objects.count(), 1)

    def test_2_and_are_gone_in_the_next_test(self):
        self.assertEqual(BookAdded.objects.count(), 0)


class EmptyAvailableAppsTests(TransactionTestCase):
    available_apps = []

    def test_1_events_are_recorded(self):
        BookAdded.objects.create(book=1, title="Emma")

    def test_2_and_are_gone_in_the_next_test(self):
        self.assertEqual(BookAdded.objects.count(), 0)


@pytest.mark.django_db(transaction=True)
def test_a_flush_that_fails_leaves_everything():
    BookAdded.objects.create(book=1, title="Emma")
    Shelf.objects.create(name="a")
    failing = mock.patch("eventfold.django.test_databases.native", side_effect=RuntimeError("as planned"))
    with failing, pytest.raises(CommandError, match="couldn't be flushed"):
        call_command("flush", interactive=False, verbosity=0)
    assert (BookAdded.objects.count(), Shelf.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_the_question_names_the_events_and_no_is_an_answer(monkeypatch):
    BookAdded.objects.create(book=1, title="Emma")
    monkeypatch.setattr("builtins.input", lambda question: "no")
    out = StringIO()
    call_command("flush", stdout=out)
    assert "This includes 1 recorded events." in out.getvalue()
    assert "Flush cancelled." in out.getvalue()
    assert BookAdded.objects.count() == 1
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    call_command("flush", stdout=out)
    assert BookAdded.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_no_test_database_keeps_its_events():
    BookAdded.objects.create(book=1, title="Emma")
    with mock.patch("eventfold.django.test_databases._is_test_database", return_value=False):
        with pytest.raises(CommandError, match=r"holds 1 events, which would be lost for ever.*--events"):
            call_command("flush", interactive=False, verbosity=0)
        # nor does a flush that is not ours lose them
        with pytest.raises(CommandError, match="couldn't be flushed") as refused:
            flush.Command().execute(
                interactive=False, database="default", verbosity=0, force_color=False, no_color=True, skip_checks=True
            )
        assert "holds 1 events" in str(refused.value.__cause__)
        assert BookAdded.objects.count() == 1
        call_command("flush", interactive=False, verbosity=0, events=True)
        assert BookAdded.objects.count() == 0
        call_command("flush", interactive=False, verbosity=0)  # nothing to lose


SHOP = """
    class Sold(Event):
        item = models.BigIntegerField()

    class Shelf(models.Model):
        name = models.CharField(max_length=10)
"""

TESTS = """
    from django.db import connection, transaction
    from django.test import LiveServerTestCase, TestCase, TransactionTestCase
    from shop.models import Shelf, Sold


    class Rolled(TestCase):
        @classmethod
        def setUpTestData(cls):
            Sold.objects.create(item=1)

        def test_1(self):
            Sold.objects.create(item=2)
            Shelf.objects.create(name="a")
            self.assertEqual(Sold.objects.count(), 2)

        def test_2(self):
            self.assertEqual([event.item for event in Sold.objects.all()], [1])
            self.assertEqual(Shelf.objects.count(), 0)


    class Flushed(TransactionTestCase):
        def test_1(self):
            with transaction.atomic():
                Sold.objects.create(item=2)
            self.assertEqual(Sold.objects.count(), 1)

        def test_2(self):
            self.assertEqual(Sold.objects.count(), 0)
            Sold.objects.create(item=2)


    class Flushed2(Flushed):
        pass


    class Rolled2(Rolled):
        pass


    class Live(LiveServerTestCase):
        def test_a_request_in_the_servers_thread_records_an_event(self):
            from urllib.request import urlopen

            Sold.objects.create(item=1)
            self.assertEqual(urlopen(self.live_server_url + "/sell/").read(), b"2")
            self.assertEqual(Sold.objects.count(), 2)
"""

URLS = """
    from django.http import HttpResponse
    from django.urls import path


    def sell(request):
        from shop.models import Sold

        Sold.objects.create(item=2)
        return HttpResponse(str(Sold.objects.count()))


    urlpatterns = [path("sell/", sell)]
"""


@pytest.fixture(params=["memory", "file"])
def shop(request, tmp_path):
    """A project with tests of its own; its test database is in memory, as Django has it, or a file."""
    test = "" if request.param == "memory" else "DATABASES['default']['TEST'] = {'NAME': 'test.sqlite3'}"
    project = Project(tmp_path, f"ROOT_URLCONF = 'urls'\nALLOWED_HOSTS = ['*']\n{test}\n")
    project.models(SHOP)
    project.write("shop/tests.py", TESTS)
    project.write("urls.py", URLS)
    project.makemigrations()
    return project


def test_the_test_command(shop):
    assert "Ran 9 tests" in (found := shop.run("test")) and "OK" in found


def test_the_test_command_in_parallel(shop):
    assert "Ran 9 tests" in (found := shop.run("test", "--parallel", "2")) and "OK" in found


def test_the_test_command_in_reverse_and_without_making_the_database_anew(shop):
    assert "OK" in shop.run("test", "--keepdb")
    assert "OK" in shop.run("test", "--keepdb", "--reverse")


def test_apps_without_migrations(shop):
    shop.write("settings.py", (shop.folder / "settings.py").read_text() + "\nMIGRATION_MODULES = {'shop': None}\n")
    assert "OK" in shop.run("test")


@pytest.mark.parametrize("options", [[], ["--nomigrations"]], ids=str)
def test_pytest_in_a_project(shop, options):
    shop.write("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = settings\npython_files = tests.py\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    assert "9 passed" in shop._call(command)


def test_run_syncdb_makes_the_views_of_apps_without_migrations(tmp_path):
    project = Project(tmp_path, "MIGRATION_MODULES = {'shop': None, 'eventfold': None}\n")
    project.models(SHOP)
    project.migrate("--run-syncdb")
    project.append("shop.Sold", {"item": 1})
    assert project.view("shop_sold") == [{"position": 1, "item": 1}]
    project.models(
        SHOP + "    class Bought(Event):\n        item = models.BigIntegerField(default=5)\n"
        "        n = models.IntegerField(null=True)\n"
    )
    project.migrate("--run-syncdb")
    assert project.views() == ["shop_bought", "shop_sold"]
    project.models(
        SHOP.replace("BigIntegerField()", "BigIntegerField()\n        branch = models.TextField(default='main')")
    )
    project.migrate("--run-syncdb")
    assert project.views() == ["shop_sold"]
    assert project.view("shop_sold") == [{"position": 1, "item": 1, "branch": "main"}]


def test_flush_of_a_database_with_events_needs_an_option(tmp_path):
    project = Project(tmp_path)
    project.models(SHOP)
    project.update()
    project.run("flush", "--no-input")
    project.append("shop.Sold", {"item": 1})
    with pytest.raises(Failed, match="The log of the database 'default' holds 1 events"):
        project.run("flush", "--no-input")
    assert len(project.view("shop_sold")) == 1
    project.run("flush", "--no-input", "--events")
    assert project.view("shop_sold") == []
    project.append("shop.Sold", {"item": 2})
    assert project.view("shop_sold") == [{"position": 2, "item": 2}]
