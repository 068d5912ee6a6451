"""A field that was of another kind when an event was recorded: a fold reads it as the view of the type shows it."""

import json
import sqlite3

import pytest

from eventfold import EventLog, NewEvent, _core
from eventfold.django.view_sql import Column, json_expression
from tests.django.project import Project

KINDS = ["text", "integer", "real", "boolean", "decimal", "date", "time", "datetime", "duration", "uuid", "binary"]
VALUES = [
    None,
    True,
    False,
    0,
    1,
    -7,
    2**53,
    1.0,
    2.5,
    -0.5,
    "",
    "x",
    "12",
    "-12",
    "012",
    "1.",
    ".5",
    "1.50",
    "1e3",
    "nan",
    "2024-02-29",
    "2023-02-29",
    "2024-13-01",
    "2024-01-31T10:20:30Z",
    "2024-01-31T10:20:30.250000Z",
    "2024-01-31T25:20:30Z",
    "10:20:30",
    "10:20:30.5",
    "10:20",
    "0190a5b0-7c3e-7c11-8000-0123456789ab",
    "0190A5B0-7C3E-7C11-8000-0123456789AB",
    "00ff",
    [1, 2],
    {"a": None},
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_reads_as_in_the_view(kind, tmp_path):
    path = tmp_path / "log.db"
    with EventLog(path) as log:
        log.append([NewEvent("T", {"n": number, "f": value}) for number, value in enumerate(VALUES)])
        spec = {
            "name": "fold",
            "table": "none",
            "key": [{"column": "n", "field": "n", "kind": "integer"}],
            "columns": [{"column": "f", "kind": kind, "op": "latest", "from": [["T", "f"]], "cleared_by": []}],
            "delete_on": [],
            "handlers": [],
            "events": {
                "T": {
                    "n": {"kind": "integer", "keys": ["n"]},
                    "f": {"kind": kind, "keys": ["f"], "mixed": True, "places": 2},
                }
            },
        }
        folded = {key: row[0] for key, row in _core.fold(log._log, json.dumps(spec)).items()}
    expression = json_expression(Column("f", kind, ("f",), former_kinds=("text", "integer", "json")), unhex=False)
    with sqlite3.connect(path) as connection:
        shown = dict(connection.execute(f"SELECT data ->> '$.n', {expression} FROM eventfold_event"))
    connection.close()
    assert [(value, folded[n]) for n, value in enumerate(VALUES)] == [
        (value, shown[n]) for n, value in enumerate(VALUES)
    ]


def test_a_replay_reads_events_from_before_a_field_changed_its_type(tmp_path):
    project = Project(tmp_path)
    declared = """
        from eventfold.django import Latest, ReadModel
        class Sold(Event):
            item = models.BigIntegerField()
            amount = models.{field}
        class Item(ReadModel):
            item = models.BigIntegerField(primary_key=True)
            amount = models.{field}
            class Projection:
                key = "item"
                amount = Latest(Sold, "amount")
    """
    project.models(declared.format(field="CharField(max_length=20, null=True)"))
    project.makemigrations()
    project.migrate()
    project.python(
        "from shop.models import Sold\n"
        "Sold.objects.create(item=1, amount='12')\nSold.objects.create(item=2, amount='-3')"
    )
    project.models(declared.format(field="IntegerField(null=True)"))
    project.makemigrations()
    project.migrate()
    project.python("from shop.models import Sold\nSold.objects.create(item=3, amount=5)")
    project.run("events", "replay")
    assert project.rows("SELECT item, amount FROM shop_item ORDER BY item") == [(1, 12), (2, -3), (3, 5)]
