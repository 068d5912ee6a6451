"""A statement gives the app what it gives without tracking, also where something follows from it."""

import time

import pytest
from django.core.management.color import no_style
from django.db import connection

from eventfold.django.tracking import inline
from tests.django.loans.events import Lent
from tests.django.loans.models import Book, Shelf
from tests.django.loans.read_models import BookList
from tests.django.project import Project

pytestmark = pytest.mark.django_db


def test_what_execute_returns_has_the_rows():
    with connection.cursor() as cursor:
        insert = "INSERT INTO loans_shelf (mark, row) VALUES ('a', 1), ('b', 2) RETURNING mark, row"
        assert cursor.execute(insert).fetchall() == [("a", 1), ("b", 2)]
        assert cursor.execute("WITH t AS (SELECT mark FROM loans_shelf) SELECT * FROM t").fetchone() == ("a",)
        assert list(cursor.execute("WITH t AS (SELECT mark FROM loans_shelf) SELECT * FROM t")) == [("a",), ("b",)]
        assert cursor.execute("SELECT count(*) FROM loans_shelf").fetchall() == [(2,)]
    assert Shelf.objects.count() == 2


def test_flush_finds_the_tables_that_refer_to_others():
    statements = connection.ops.sql_flush(no_style(), ["loans_author"], allow_cascade=True)  # asks by WITH
    assert sorted(statements) == ['DELETE FROM "loans_author";', 'DELETE FROM "loans_book_authors";']


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_an_app_begins_by_sql_is_joined():
    with connection.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        book = Book.objects.create(title="Emma")
        assert BookList.objects.get().title == "Emma"
        Lent.objects.create(book=book.pk, to="ann")
        cursor.execute("ROLLBACK")
        assert (Book.objects.count(), BookList.objects.count(), Lent.objects.count()) == (0, 0, 0)
        cursor.execute("BEGIN")
        Book.objects.create(title="Emma")
        cursor.execute("COMMIT")
    assert (Book.objects.count(), BookList.objects.count()) == (1, 1)


def test_an_app_writes_before_the_others_are_ready(tmp_path):
    project = Project(tmp_path, "INSTALLED_APPS = ['eventfold.django', 'shop']")
    project.models(
        """
        from eventfold.django import translate

        class Book(models.Model):
            title = models.CharField(max_length=50)

        class Titled(Event):
            title = models.CharField()

        @translate("shop.Book", "title")
        def titled(book, old, new):
            return Titled(title=new)
        """
    )
    ready = """
        import os, warnings
        from django.apps import AppConfig

        class ShopConfig(AppConfig):
            name = "shop"

            def ready(self):
                from eventfold.django import track
                from shop.models import Book
                if "TITLE" in os.environ:
                    warnings.simplefilter("ignore")  # Django's, of just this
                    Book.objects.create(title=os.environ["TITLE"])
                track(Book)
        """
    project.write("shop/apps.py", ready)
    project.update()
    project.python("from shop.models import Book; Book.objects.create(title='Emma')")
    project.write(
        "settings.py", "import os\nos.environ['TITLE'] = 'Sanditon'\n" + (tmp_path / "settings.py").read_text()
    )
    printed = project.python(
        "from shop.models import Book, Titled; print(Book.objects.count(), Titled.objects.count())"
    )
    assert printed == "2 1\n"
    project.python("from shop.models import Book; Book.objects.create(title='Persuasion')")  # and Sanditon once more
    titles = [title for (title,) in project.rows("SELECT title FROM shop_titled ORDER BY position")]
    assert titles == ["Emma", "Sanditon", "Sanditon", "Persuasion"]


def test_a_migrate_that_failed_is_not_taken_for_one_that_goes_on():
    class Apps:
        """What a migrate has."""

    apps = Apps()
    inline._pause(using="default", apps=apps)
    try:
        Book.objects.create(title="Emma")
        assert BookList.objects.count() == 0
        del apps
        Book.objects.update(title="Persuasion")
        assert BookList.objects.get().title == "Persuasion"
    finally:
        inline._resume(using="default")


@pytest.mark.parametrize(
    ("sql", "writes"),
    [
        ("WITH t AS (SELECT 1) SELECT * FROM t", False),
        ("WITH t AS (SELECT replace(a, 'b', 'c') FROM u) SELECT * FROM t", False),
        ("WITH t AS (SELECT 1) INSERT INTO u SELECT * FROM t", True),
        ("WITH t AS (SELECT 1) insert or ignore into u SELECT * FROM t", True),
        ("WITH t AS (SELECT 1) UPDATE u SET a = 1", True),
        ("WITH t AS (SELECT 1)\nDELETE FROM u", True),
        ("WITH t AS (SELECT 1) REPLACE INTO u SELECT * FROM t", True),
        ("EXPLAIN INSERT INTO u VALUES (1)", False),
        ("PRAGMA user_version = 1", False),
    ],
)
def test_a_statement_that_only_reads_takes_no_lock(sql, writes):
    assert inline._writes(sql) == writes


@pytest.mark.parametrize("comment", ["/* why */ ", "-- why\n", "\n  (", "/* a */ -- b\n /* c\n */"])
def test_a_statement_may_begin_with_a_comment(comment):
    assert inline._writes(f"{comment}INSERT INTO t VALUES (1)")
    assert not inline._writes(f"{comment}SELECT 'INSERT INTO t'")
    assert not inline._writes(f"{comment}INSERTED")


def test_many_comments_before_a_statement_are_soon_read():
    started = time.process_time()
    assert not inline._writes("/*x*/" * 5000 + "SELECT 1")
    assert inline._writes("/*x*/" * 5000 + "UPDATE t SET a = 1")
    assert not inline._writes("/* UPDATE t SET a = 1")
    assert time.process_time() - started < 1
