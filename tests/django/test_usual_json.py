"""A trigger has a short way for rows of usual values. It says what the long way says, and takes no other row."""

import pytest
from django.db import IntegrityError, connection, models, transaction

from eventfold.django.tracking.encoding_sql import usual_json_of
from eventfold.django.tracking.install import row_json
from eventfold.django.tracking.trigger_sql import Member, TrackedTable, triggers
from tests.django.loans.models import Book, Shelf
from tests.django.test_row_json import VALUES

pytestmark = pytest.mark.django_db


def newest(cursor):
    cursor.execute("SELECT data FROM eventfold_event ORDER BY position DESC LIMIT 1")
    return cursor.fetchone()[0]


TEXTS = [value for value in VALUES if "AS TEXT" not in value]  # but those that are no UTF-8: they are not decoded


@pytest.mark.parametrize("value", [*TEXTS, "-9e18", "1e30", "1e-31", "2.0", "3.5", "'12'", "'12.5'", "x'3132'"])
@pytest.mark.parametrize("model", [Book, Shelf])
def test_whatever_a_column_holds_both_say_the_same(model, value):
    own = (
        {"title": "'t'", "available": "1", "secret": "''", "note": "''"}
        if model is Book
        else {"mark": "'m'", "row": "0"}
    )
    long_way = row_json(connection, model)
    with connection.cursor() as cursor:
        for field in model._meta.concrete_fields:
            if field.name in ("id", "borrowed_by"):
                continue
            row = {**own, field.column: value}
            try:
                with transaction.atomic():
                    cursor.execute(
                        f"INSERT INTO {model._meta.db_table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"
                    )
            except IntegrityError:  # NULL, or no JSON: the table refuses it
                continue
            created = newest(cursor)
            cursor.execute(f"SELECT {long_way} FROM {model._meta.db_table} AS t")
            assert created == cursor.fetchone()[0]
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
            assert newest(cursor).replace('"old_', '"new_') == created


@pytest.mark.parametrize(
    ("field", "usual", "others"),
    [
        (models.CharField(), ["'a'", "''"], ["NULL", "1", "1.5", "x'61'"]),
        (models.IntegerField(), ["0", "-5", "9223372036854775807"], ["NULL", "1.5", "1e19", "'a'", "'1'", "x'31'"]),
        (models.BooleanField(), ["0", "1"], ["NULL", "2", "'1'", "x'01'"]),
        (models.FloatField(), ["0.0", "1.5", "-1e14", "1e-29"], ["NULL", "1e16", "-1e-31", "9e999", "'1.5'", "x'31'"]),
        (models.DecimalField(decimal_places=2, max_digits=9), ["0", "1.5", "-7"], ["NULL", "1e15", "'1.5'", "x'31'"]),
        (models.DateTimeField(), ["'2020-01-02 03:04:05'"], ["NULL", "1", "x'61'"]),
        (models.IntegerField(null=True), ["NULL", "3"], ["1.5", "'3'"]),
        (models.CharField(null=True), ["NULL", "'a'"], ["1.5", "x'61'"]),
    ],
)
def test_usual_is_what_django_stores_in_such_a_column(field, usual, others):
    with connection.cursor() as cursor:
        for values, expected in ((usual, 1), (others, 0)):
            for value in values:
                cursor.execute(f"SELECT ifnull(({usual_json_of(field, 'v').holds}), 0) FROM (SELECT {value} AS v)")
                assert (value, cursor.fetchone()[0]) == (value, expected)


def test_a_change_that_a_collation_does_not_see_is_recorded():
    table = TrackedTable(
        table="named",
        key=("id",),
        key_json=lambda row: f"json_quote({row}.id)",
        key_slot=2,
        key_value=lambda row: f"{row}.id",
        members=tuple(Member(name, name, "json_quote({})".format) for name in ("id", "name")),
        created=1,
        changed=1,
        deleted=1,
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE named (id text COLLATE NOCASE PRIMARY KEY, name text COLLATE NOCASE NOT NULL)")
        for sql in triggers(table).values():
            cursor.execute(sql)
        cursor.execute("INSERT INTO named VALUES ('a', 'emma')")
        cursor.execute("UPDATE named SET name = 'Emma'")
        assert newest(cursor) == '{"key":"a","old_name":"emma","new_name":"Emma"}'
        cursor.execute("UPDATE named SET id = 'A'")
        assert newest(cursor) == '{"key":"A","new_id":"A","new_name":"Emma"}'
