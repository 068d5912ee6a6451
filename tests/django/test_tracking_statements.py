"""A statement gives the app what it gives without tracking, also where something follows from it."""

import pytest
from django.core.management.color import no_style
from django.db import connection

from tests.django.loans.models import Shelf

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
