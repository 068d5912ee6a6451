"""The SQL of views by itself, on each SQLite that is at hand."""

import datetime
import sqlite3
from decimal import Decimal
from uuid import UUID

import pysqlite3
import pytest
from django.db import models
from hypothesis import given, settings
from hypothesis import strategies as st

from eventfold.django import view_sql
from eventfold.django.constants import SLOT_KINDS
from eventfold.django.kinds import canonical_json, json_value, kind_of, slots_of
from eventfold.django.type_fields import TypeFields
from eventfold.django.view_sql import Column
from eventfold.errors import InvalidEvent
from tests.django.fields.columns import UpperField
from tests.django.fields.events import Everything

MODULES = [pytest.param(sqlite3, id="sqlite3"), pytest.param(pysqlite3, id="pysqlite3")]
VALUES = [
    ("text", '"a\'b"', "a'b"),
    ("integer", "-9223372036854775808", -(2**63)),
    ("real", "1.0", 1.0),
    ("real", "5e-324", 5e-324),
    ("boolean", "true", 1),
    ("decimal", '"12.50"', 12.5),
    ("decimal", '"12.00"', 12),
    ("date", '"2020-02-29"', "2020-02-29"),
    ("time", '"12:34:56.000001"', "12:34:56.000001"),
    ("datetime", '"2020-02-29T12:34:56Z"', "2020-02-29 12:34:56"),
    ("datetime", '"0999-01-01T12:34:56.100000"', "0999-01-01 12:34:56.100000"),
    ("duration", "-1", -1),
    ("uuid", '"12345678-1234-5678-1234-567812345678"', "12345678123456781234567812345678"),
    ("json", '{"a":[1,null,"\u00e9"]}', '{"a":[1,null,"é"]}'),
    ("json", '"null"', '"null"'),
    ("json", "null", None),
    ("binary", '"00ff"', b"\x00\xff"),
    ("binary", '""', b""),
]


def evaluate(module, expression, data):
    connection = module.connect(":memory:")
    try:
        return connection.execute(f"SELECT {expression} FROM (SELECT ? AS data)", (data,)).fetchone()[0]
    finally:
        connection.close()


def unhex_of(module):
    return module.sqlite_version_info >= (3, 41)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(("kind", "text", "stored"), VALUES)
def test_a_value_is_read_as_django_stores_it(module, kind, text, stored):
    expression = view_sql.json_expression(Column("c", kind, ("k",)), unhex_of(module))
    for data in (f'{{"k":{text}}}', f'{{"a":1,"k":{text},"z":"k"}}'):
        found = evaluate(module, expression, data)
        assert (found, type(found)) == (stored, type(stored))
    assert evaluate(module, expression, '{"k":null}') is None
    assert evaluate(module, expression, "{}") is None


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(("kind", "text", "stored"), VALUES)
def test_a_default_is_stored_as_the_value_would_be(module, kind, text, stored):
    import json

    column = Column("c", kind, ("k", "old"), default=json.loads(text))
    expression = view_sql.json_expression(column, unhex_of(module))
    found = evaluate(module, expression, "{}")
    assert (found, type(found)) == (stored, type(stored))
    assert evaluate(module, expression, f'{{"old":{text}}}') == stored
    assert evaluate(module, expression, f'{{"old":{text},"k":null}}') is None
    assert evaluate(module, expression, '{"old":null}') is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000))
def test_bytes_need_no_unhex(value):
    expression = view_sql.json_expression(Column("c", "binary", ("k",)), False)
    for module in (sqlite3, pysqlite3):
        assert evaluate(module, expression, f'{{"k":"{value.hex()}"}}') == value


def test_many_bytes_are_read_in_reasonable_time():
    value = bytes(range(256)) * 400
    expression = view_sql.json_expression(Column("c", "binary", ("k",)), False)
    assert evaluate(sqlite3, expression, f'{{"k":"{value.hex()}"}}') == value


@pytest.mark.parametrize("module", MODULES)
def test_names_are_quoted(module):
    connection = module.connect(":memory:")
    connection.execute(
        "CREATE TABLE eventfold_event (position INTEGER PRIMARY KEY, type_id INT, created INT, data TEXT)"
    )
    columns = [Column('gr"ö', "text", ("größe",)), Column("select", "integer", ("from",))]
    connection.execute(view_sql.create_view('v"w', "a.B", 1, columns, use_tz=True, unhex=False))
    for statement in view_sql.create_triggers('v"w', "a.B"):
        connection.execute(statement)
    connection.execute("INSERT INTO eventfold_event VALUES (1, 1, 1600000000000001, ?)", ('{"größe":"x","from":2}',))
    connection.execute("INSERT INTO eventfold_event VALUES (2, 2, 0, '{}')")
    assert connection.execute('SELECT * FROM "v""w"').fetchall() == [(1, "2020-09-13 12:26:40.000001", "x", 2)]
    connection.close()


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (models.CharField(), "text"),
        (models.TextField(), "text"),
        (models.SlugField(), "text"),
        (models.EmailField(), "text"),
        (models.URLField(), "text"),
        (models.FilePathField(), "text"),
        (models.GenericIPAddressField(), "text"),
        (models.BooleanField(), "boolean"),
        (models.SmallIntegerField(), "integer"),
        (models.IntegerField(), "integer"),
        (models.BigIntegerField(), "integer"),
        (models.PositiveSmallIntegerField(), "integer"),
        (models.PositiveIntegerField(), "integer"),
        (models.PositiveBigIntegerField(), "integer"),
        (models.FloatField(), "real"),
        (models.DecimalField(max_digits=5, decimal_places=2), "decimal"),
        (models.DateField(), "date"),
        (models.TimeField(), "time"),
        (models.DateTimeField(), "datetime"),
        (models.DurationField(), "duration"),
        (models.UUIDField(), "uuid"),
        (models.JSONField(), "json"),
        (models.BinaryField(), "binary"),
        (UpperField(), "text"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_kinds(field, kind):
    assert kind_of(field) == kind


def custom(db_type):
    class Custom(models.Field):
        def db_type(self, connection):
            return db_type

    field = Custom()
    field.name = "custom"
    return field


@pytest.mark.parametrize(
    ("db_type", "kind"),
    [
        ("char(3)", "text"),
        ("CLOB", "text"),
        ("bigint unsigned", "integer"),
        ("double precision", "real"),
        ("numeric(5, 2)", "decimal"),
        ("bool", "boolean"),
        ("date", "date"),
        ("datetime", "datetime"),
        ("blob", "binary"),
    ],
)
def test_a_custom_field_is_of_the_kind_of_its_column(db_type, kind):
    assert kind_of(custom(db_type)) == kind


@pytest.mark.parametrize("db_type", [None, "geometry", ""])
def test_a_field_without_a_kind_is_refused(db_type):
    with pytest.raises(InvalidEvent, match="custom: an event cannot hold a Custom"):
        kind_of(custom(db_type))


def test_relations_files_and_computed_columns_are_refused():
    for field, message in (
        (models.ForeignKey("auth.User", models.CASCADE), "keep its key"),
        (models.FileField(), "keep its name or digest"),
        (
            models.GeneratedField(expression=models.F("x"), output_field=models.IntegerField(), db_persist=True),
            "computes no column",
        ),
    ):
        field.name = "x"
        with pytest.raises(InvalidEvent, match=message):
            kind_of(field)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (models.IntegerField(), "5", 5),
        (models.BooleanField(), 1, True),
        (models.DecimalField(max_digits=5, decimal_places=2), Decimal("1.5"), "1.50"),
        (models.DecimalField(max_digits=5, decimal_places=2), 2, "2.00"),
        (models.DateField(), "2020-02-29", "2020-02-29"),
        (models.TimeField(), datetime.time(1, 2), "01:02:00"),
        (
            models.DateTimeField(),
            datetime.datetime(2020, 1, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            "2020-01-01T00:00:00Z",
        ),
        (models.DurationField(), datetime.timedelta(microseconds=-1), -1),
        (models.UUIDField(), UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (models.JSONField(), {"a": [1]}, {"a": [1]}),
        (models.BinaryField(), b"\x00\xff", "00ff"),
        (models.CharField(), None, None),
        (UpperField(), "abc", "ABC"),
    ],
    ids=str,
)
def test_json_values(field, value, expected):
    field.name = "x"
    found = json_value(field, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (models.IntegerField(), "five"),
        (models.UUIDField(), "x"),
        (models.DateField(), "2020-13-01"),
        (models.BooleanField(), 2),
    ],
    ids=str,
)
def test_a_value_of_another_kind_is_refused(field, value):
    field.name = "x"
    with pytest.raises(InvalidEvent, match=r"x: .* is no "):
        json_value(field, value)


def test_canonical_json_is_what_the_log_holds():
    assert canonical_json({"b": [1, None, "é\n"], "a": 1e16}) == '{"b":[1,null,"é\\n"],"a":1e+16}'
    with pytest.raises(InvalidEvent):
        canonical_json(float("nan"))
    with pytest.raises(InvalidEvent):
        canonical_json(object())


def test_slots_depend_on_names_and_kinds_alone():
    assert SLOT_KINDS == ("number", "number", "text", "text")
    assert slots_of(Everything) == {"indexed_flag": 0, "indexed_number": 1, "indexed_moment": 2, "indexed_text": 3}


def test_what_is_known_of_fields_survives_its_json():
    known = TypeFields()
    assert known.dump() == "{}"
    field = models.TextField()
    field.name = "title"
    known.add(field, "x")
    known.rename("title", "name")
    known.remove("name")
    field.name = "name"
    known.add(field, None)
    assert known.keys("name") == ["name", "title"]
    assert known.defaults == {"name": "x"}
    assert TypeFields.load(known.dump()) == known
    assert TypeFields.load('{"new": ["old"]}').keys("new") == ["new", "old"]
