"""What a trigger says of a row is what row_json says of it, whatever the row holds; and each change is one."""

import pytest
from django.db import IntegrityError, connection, transaction

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
def test_whatever_a_column_holds_triggers_and_row_json_say_the_same(model, value):
    own = (
        {"title": "'t'", "available": "1", "secret": "''", "note": "''"}
        if model is Book
        else {"mark": "'m'", "row": "0"}
    )
    by_row_json = row_json(connection, model)
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
            cursor.execute(f"SELECT {by_row_json} FROM {model._meta.db_table} AS t")
            assert created == cursor.fetchone()[0]
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
            assert newest(cursor).replace('"old_', '"new_') == created


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
