"""The SQL function eventfold_row_json says of a row what the SQL of triggers says."""

import json
import os
import random
import sqlite3
import struct

import pytest
from django.db import connection
from django.db.utils import OperationalError

from eventfold.django.connection import present_log
from eventfold.django.tracking.install import tracked_table
from eventfold.django.tracking.trigger_sql import native_row_json, row_json
from tests.django.loans.models import Book, Shelf

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(os.environ.get("EVENTFOLD_SQLITE_WAY") == "dbapi", reason="of the native ways only"),
]

VALUES = [
    "NULL",
    *("0", "1", "-1", "42", "9223372036854775807", "-9223372036854775808"),
    *("0.0", "-0.0", "0.1", "-2.5", "12.5", "0.05", "2.675", "1e15", "999999999999999.0", "-999999999999.995", "1e21"),
    *("1e300", "5e-324", "9e999", "-9e999", "0.1 + 0.2", "1.0 / 3", "123456789.125", "0.045", "1.005", "1e-7"),
    *("''", "'Emma'", "'a \"b\" \\ c'", "'Zoë \U0001f600'", "char(0)", "'a' || char(0) || 'b' || char(0)"),
    *("char(1, 8, 9, 10, 12, 13, 31, 127)", "'true'", "'12.50'", "CAST(x'ff41' AS TEXT)", "CAST(x'edA080' AS TEXT)"),
    *("'2020-01-02 03:04:05.678901'", "'2020-01-02'", "'03:04:05'", "'2020-01-02T03:04:05+02:00'"),
    *("'12345678123456781234567812345678'", "'0123456789 123456789 123456789 12'", "'" + "x" * 32 + "'"),
    *("'{\"a\" : [1, 2.50, null]}'", "'[1'", "'\"text\"'", "x''", "x'00ff10'"),
]


def said(model, sql_value):
    """What both say of a row with this in each column: (trigger's SQL, native function)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        present_log(connection)
        table = tracked_table(connection, model)
        native = native_row_json(table, "t", "new")
        assert native
        columns = ", ".join(f'{sql_value} AS "{column}"' for column in (*(m.column for m in table.members),))
        cursor.execute(f"SELECT hex({row_json(table, 't', 'new')}), hex({native}) FROM (SELECT {columns}) AS t")
        return [bytes.fromhex(text) for text in cursor.fetchone()]


def parsed(text):
    try:
        return json.loads(text), [type(value) for value in json.loads(text).values()]
    except ValueError:  # of a text that is no UTF-8
        return text


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("value", VALUES)
def test_both_say_the_same(value, use_tz, settings):
    settings.USE_TZ = use_tz
    for model in (Book, Shelf):
        by_sql, native = said(model, value)
        assert parsed(native) == parsed(by_sql)


def test_both_say_the_same_of_any_number():
    rng = random.Random(7)
    for _ in range(300):
        number = struct.unpack("<d", rng.randbytes(8))[0]
        for value in (number, rng.randrange(10**9) / 100, rng.uniform(-1000, 1000), rng.randrange(10**6) / 200):
            if value != value:
                continue
            by_sql, native = said(Book, repr(value) if abs(value) != float("inf") else "9e999")
            # SQLite 3.42 and newer lose the last bit of the very large and small
            if sqlite3.sqlite_version_info < (3, 42) or 1e-30 < abs(value) < 1e30:
                assert parsed(native) == parsed(by_sql)


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "'=\tx'",
        "NULL, 1",
        "'', 1",
        "'q\tx', 1",
        "'=x', 1",
        "'d-1\tx', 1",
        "'d101\tx', 1",
        "'d1x\tx', 1",
        "'=\tx', 1, 2",
    ],
)
def test_a_shape_that_does_not_fit_is_an_error(arguments):
    present_log(connection)
    with connection.cursor() as cursor, pytest.raises(OperationalError, match="needs a constant shape"):
        cursor.execute(f"SELECT eventfold_row_json({arguments})")
    with connection.cursor() as cursor:
        cursor.execute("SELECT eventfold_row_json('=\tx:\n=\t,y:', 1, 'a')")
        assert cursor.fetchone() == ('x:1,y:"a"}',)
