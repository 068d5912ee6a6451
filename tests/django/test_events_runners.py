"""The test runners that a project may use: Django's in parallel, with a live server, and pytest without migrations."""

import sys
from textwrap import dedent

import pytest

from tests.django.project import Project

pytestmark = pytest.mark.any_way

CASES = """
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

from django.db import connections
from django.db.models.signals import post_save
from django.test import LiveServerTestCase, TestCase, TransactionTestCase

from shop.models import Sold


def cases(base, number):
    def test(self):
        self.assertEqual(Sold.objects.count(), 0)
        for n in range(20):
            Sold.objects.create(item=f"{number}-{n}")
        Sold.objects.bulk_create([Sold(item=str(n)) for n in range(20)])
        self.assertEqual(Sold.objects.count(), 40)
        self.assertEqual(Sold.objects.first().recorded.version, 1)

    return type(f"{base.__name__}{number}", (base,), {"__module__": __name__, "test": test, "test_again": test})


for number in range(3):
    for base in (TestCase, TransactionTestCase):
        globals()[f"{base.__name__}{number}"] = cases(base, number)


class LiveTests(LiveServerTestCase):
    def test_the_server_and_the_test_append_in_turn_and_at_the_same_time(self):
        def visit(n):
            try:
                return urlopen(f"{self.live_server_url}/sell/{n}/").read()
            finally:
                connections.close_all()

        Sold.objects.create(item="test")
        visit(1)
        self.assertEqual(sorted(Sold.objects.values_list("item", flat=True)), ["1", "test"])
        with ThreadPoolExecutor(4) as pool:
            visits = [pool.submit(visit, n) for n in range(2, 10)]
            for n in range(8):
                Sold.objects.create(item=f"test {n}")
            for done in visits:
                done.result()
        self.assertEqual(Sold.objects.count(), 18)
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, 'ROOT_URLCONF = "shop.urls"\nALLOWED_HOSTS = ["*"]')
    project.models(
        """
        class Sold(Event):
            item = models.CharField()

            class Stream:
                name = "item-{item}"
        """
    )
    project.write(
        "shop/urls.py",
        """
        from django.http import HttpResponse
        from django.urls import path

        from shop.models import Sold

        def sell(request, item):
            return HttpResponse(Sold.objects.create(item=str(item)).position)

        urlpatterns = [path("sell/<int:item>/", sell)]
        """,
    )
    project.write("shop/tests.py", CASES)
    return project


FILE = dedent(
    """
    DATABASES["default"]["OPTIONS"]["timeout"] = 60
    DATABASES["default"]["TEST"] = {"NAME": "test_db.sqlite3"}
    """
)


@pytest.mark.parametrize("parallel", [(), ("--parallel", "2")], ids=["one process", "two processes"])
@pytest.mark.parametrize("settings", ["", FILE], ids=["memory", "file"])
def test_djangos_test_runner(project, parallel, settings):
    project.makemigrations()
    with (project.folder / "settings.py").open("a") as file:
        file.write(settings)
    printed = project.run("test", *parallel, "--noinput")
    assert "Ran 13 tests" in printed
    assert "\nOK" in printed


@pytest.mark.parametrize("settings", ["", FILE], ids=["memory", "file"])
@pytest.mark.parametrize("option", ["--nomigrations", "--migrations"])
def test_pytest_with_and_without_migrations(project, option, settings):
    project.makemigrations()
    with (project.folder / "settings.py").open("a") as file:
        file.write(settings)
    project.write("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = settings\npython_files = tests.py\n")
    printed = project._call([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", option])
    assert "13 passed" in printed
