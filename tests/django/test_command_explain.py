"""`manage.py events explain`: a read model in words."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from eventfold.django.explain import column_in_words
from tests.django.shelves.helpers import given_some_events

pytestmark = pytest.mark.django_db


def run(*args, **options):
    stream = io.StringIO()
    call_command("events", "explain", *args, stdout=stream, **options)
    return stream.getvalue().splitlines()


def test_a_condition_of_several_types_is_said_once():
    condition = ["isnull", "name of stream", False]
    column = {"column": "n", "kind": "integer", "op": "count", "cleared_by": [], "initial": 0}
    sources = [[label, None, {"filter": condition}] for label in ("a.A", "a.B", "a.C")]
    assert column_in_words({**column, "from": sources}, False) == (
        "number of a.A, a.B and a.C, each where name of stream is not null; begins as 0"
    )
    assert column_in_words({**column, "from": sources[:2]}, False) == (
        "number of a.A where name of stream is not null or a.B where name of stream is not null; begins as 0"
    )


def test_a_projection_says_its_key_operations_events_and_threads():
    given_some_events()
    lines = run("shelves.place")
    assert lines[:4] == [
        "shelves.Place, the table shelves_place",
        "  Kept inline: right when the append of an event returns, in the same transaction.",
        "Key: shelf and row, of each event that is read",
        "Columns:",
    ]
    columns = dict(line.split(maxsplit=1) for line in lines[4 : lines.index("Row deleted by: shelves.Cleared")])
    assert columns == {
        "stored": "number of shelves.Stored; begins as 0",
        "taken": "number of shelves.Taken; begins as 0",
        "first_title": "first title of shelves.Stored; begins as null",
        "title": "latest title of shelves.Stored; begins as null, and again with each shelves.Taken",
        "taken_by": "latest by of shelves.Taken; begins as null, and again with each shelves.Stored",
        "weight": "sum of weight of shelves.Stored; begins as 0",
        "heaviest": "greatest weight of shelves.Stored; begins as null",
        "length": "sum of length of shelves.Stored; begins as 0.0",
        "shortest": "least length of shelves.Stored; begins as null",
        "acquired": "greatest acquired of shelves.Stored; begins as null",
        "tags": "latest tags of shelves.Stored; begins as null",
        "code": "latest code of shelves.Stored; begins as null",
        "last_event": "latest position of shelves.Stored or shelves.Taken; begins as null",
        "last_change": "latest created of shelves.Stored or shelves.Taken; begins as null",
    }
    rest = lines[lines.index("Row deleted by: shelves.Cleared") + 1 :]
    head = connection.cursor().execute("SELECT head FROM eventfold_head").fetchone()[0]
    assert rest[:1] + rest[2:7] + rest[8:] == [
        "Events:",
        "  shelves.Stored: shelf, row, title, weight, length, acquired, tags, code",
        "  shelves.Taken: shelf, row, by",
        "Run natively: all of it",
        "Replayed in one piece, on one thread:",
        "  length is a sum of floats, whose last bit depends on the order of the events",
        f"Rows: made by this definition, up to position {head:,}",
    ]
    assert rest[1] == "  shelves.Cleared: shelf, row"
    assert len(rest[7]) == len("Hash: ") + 64


def test_rules_in_python_are_named_and_keep_a_replay_on_one_thread():
    lines = run("shelves.Diary")
    assert '  story    set in Python; begins as ""' in lines
    at = lines.index("Run natively: the operations, before Python")
    assert lines[at + 1 : at + 6] == [
        "Run in Python, where it may set any column:",
        "  was_stored, for each shelves.Stored",
        "  was_taken, for each shelves.Taken",
        "Replayed in one piece, on one thread:",
        "  Python is called in the order of the log",
    ]


def test_what_can_be_joined_says_so():
    assert "Replayed on several threads: ranges of the log are folded apart, and joined" in run("shelves.Clearing")


def test_a_projector_is_named_with_its_events_and_what_it_keeps_besides():
    lines = run("shelves.Word")
    assert lines[2:6] == [
        "Kept together with: shelves.Longest",
        "Run in Python, by the ORM, for each event, in the order of the log:",
        "  tests.django.shelves.read_models.keep_words, for each shelves.Noted",
        "Replayed in one piece, on one thread: what they do is not known to the core",
    ]


def test_fields_of_tracked_events_say_that_they_are_there_if_they_changed():
    lines = run("loans.BookList")
    (changed,) = [line for line in lines if line.startswith("  loans.BookChanged: ")]
    assert "new_title (if it changed; null where it was recorded as no text)" in changed


def test_without_labels_all_are_explained():
    lines = run()
    assert {line.partition(",")[0] for line in lines} >= {"shelves.Place", "shelves.Author", "loans.BookList"}
    assert lines.count("") >= 6


def test_the_specification_is_printed_as_the_core_takes_it():
    found = json.loads("\n".join(run("shelves.Place", "shelves.Author", json=True)))
    assert found["shelves.Author"] is None
    assert [part["field"] for part in found["shelves.Place"]["key"]] == ["shelf", "row"]
    assert found["shelves.Place"]["delete_on"] == ["shelves.Cleared"]


def test_a_replay_that_is_due_and_a_table_that_is_missing_are_said():
    given_some_events()
    call_command("events", "replay", "shelves.Clearing", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET spec_hash = 'x' WHERE name = 'shelves.Clearing'")
        assert run("shelves.Clearing")[-1] == (
            "Rows: a replay is due, since its definition has changed since its rows were made"
        )
        cursor.execute("ALTER TABLE shelves_clearing RENAME TO away")
    assert run("shelves.Clearing")[-1] == ("Rows: it has no table yet: run `manage.py migrate --database default`")


def test_what_is_no_read_model_is_named():
    with pytest.raises(CommandError, match=r"auth\.User is no read model of the database 'default'. There are: "):
        run("auth.User")


def test_conditions_are_said_in_words():
    ann = ["and", ["exact", "by", "ann"], ["or", ["gte", "days", 3], ["not", ["isnull", "days", False]]]]
    column = {"column": "n", "kind": "integer", "op": "count", "initial": 0}
    column |= {"from": [["A", None, {"filter": ann}], ["B", None]], "cleared_by": ["C", ["D", ["in", "by", ["x"]]]]}
    assert column_in_words(column, False) == (
        'number of A where by = "ann" and (days >= 3 or not (days is not null)) or B; begins as 0, '
        'and again with each C or D where by in ["x"]'
    )


def test_an_operation_that_has_no_words_yet_is_shown_all_the_same():
    column = {"column": "n", "kind": "real", "op": "average", "from": [["A", "x"]], "cleared_by": [], "initial": None}
    assert column_in_words({**column, "bound": 3}, False) == "average of x of A; begins as null; bound 3"
    column |= {"op": "handler", "from": []}
    assert column_in_words(column, False) == "nothing sets it: always null"
