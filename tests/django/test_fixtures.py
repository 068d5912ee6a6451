"""dumpdata has each event once, loaddata records each once."""

import datetime
import json
from io import StringIO

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection
from django.test import TestCase
from django.utils import timezone

from eventfold.django.management.commands.loaddata import _text
from tests.django.books.events import BookAdded, BookBorrowed, BookReturned
from tests.django.books.models import Shelf
from tests.django.fields.events import Everything
from tests.django.fields.values import CORNERS, rows
from tests.django.project import Project

pytestmark = pytest.mark.any_way


def dump(*labels):
    out = StringIO()
    call_command("dumpdata", *labels, stdout=out)
    return out.getvalue()


def load(tmp_path, text):
    path = tmp_path / "fixture.json"
    path.write_text(text)
    call_command("loaddata", str(path), verbosity=0)


def data():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT position, name, created, data FROM eventfold_event JOIN eventfold_type ON id = type_id "
            "ORDER BY position"
        )
        return cursor.fetchall()


@pytest.fixture
def dumped(transactional_db):
    """Events of three classes, one after the other, and rows; dumped."""
    BookAdded.objects.create(book=7, title="Emma")
    BookBorrowed.objects.create(book=7, borrowed_by="ann")
    Shelf.objects.create(name="a")
    BookReturned.objects.create(book=7)
    BookBorrowed.objects.create(book=7, borrowed_by="bob")
    return dump("books")


def test_dumpdata_has_each_event_once_and_nothing_of_the_logs_own_tables(dumped):
    found = json.loads(dump())
    assert not [each for each in found if each["model"].startswith("eventfold.")]
    events = [
        each for each in found if each["model"] in ("books.bookadded", "books.bookborrowed", "books.bookreturned")
    ]
    assert sorted(each["pk"] for each in events) == [position for position, *_ in data()]


def test_loaddata_into_the_same_database_changes_nothing(dumped, tmp_path):
    before = data()
    load(tmp_path, dumped)
    assert data() == before


def test_loaddata_after_a_flush_records_the_events_in_their_old_order(dumped, tmp_path):
    before = data()
    call_command("flush", interactive=False, verbosity=0)
    load(tmp_path, dumped)
    assert [(name, text) for _, name, _, text in data()] == [(name, text) for _, name, _, text in before]
    assert Shelf.objects.get().name == "a"


def test_loading_twice_records_once(dumped, tmp_path):
    call_command("flush", interactive=False, verbosity=0)
    load(tmp_path, dumped)
    once = data()
    load(tmp_path, dumped)
    assert data() == once


def test_streams_are_numbered_anew(dumped, tmp_path):
    call_command("flush", interactive=False, verbosity=0)
    load(tmp_path, dumped)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, version FROM eventfold_event e JOIN eventfold_stream s ON s.id = e.stream_id "
            "ORDER BY position"
        )
        assert cursor.fetchall() == [("book-7", 1), ("book-7", 2), ("book-7", 3)]


def test_events_that_are_appended_after_loaddata_go_on(dumped, tmp_path):
    call_command("flush", interactive=False, verbosity=0)
    load(tmp_path, dumped)
    event = BookBorrowed.objects.create(book=7, borrowed_by="eve")
    assert event.position == data()[-1][0]
    assert event.created >= BookBorrowed.objects.order_by("-position")[1].created
    assert event.recorded.version == 4


def test_an_event_of_another_content_is_added(dumped, tmp_path):
    changed = dumped.replace("Emma", "Persuasion")
    assert changed != dumped
    load(tmp_path, changed)
    assert [event.title for event in BookAdded.objects.order_by("position")] == ["Emma", "Persuasion"]


def test_a_hand_written_fixture_needs_no_position(db, tmp_path):
    load(
        tmp_path,
        json.dumps(
            [
                {"model": "books.bookadded", "fields": {"book": 1, "title": "a"}},
                {"model": "books.bookadded", "fields": {"book": 2, "title": "b"}},
            ]
        ),
    )
    assert [event.book for event in BookAdded.objects.order_by("position")] == [1, 2]
    assert (timezone.now() - BookAdded.objects.first().created).total_seconds() < 60


def test_loaddata_neither_validates_nor_calls_python(db, tmp_path):
    load(
        tmp_path,
        json.dumps([{"model": "books.bookrated", "fields": {"book": 1, "stars": 77, "rated_by": "a", "comment": ""}}]),
    )
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT stars FROM books_bookrated").fetchall() == [(77,)]


TIMES = {"clock", "moment", "indexed_moment"}


@pytest.mark.parametrize(
    ("format", "fields"),
    [
        ("json", set(CORNERS) - TIMES),  # Django's JSON has milliseconds
        ("xml", {*TIMES, "real", "amount", "period", "uuid", "json", "binary", "big"}),  # its XML strips texts
    ],
)
def test_fields_survive(transactional_db, tmp_path, format, fields):
    given = [row for row in rows() if row["char"] != "\x01\x1f"]  # which XML cannot say
    Everything.objects.bulk_create([Everything(**row) for row in given])
    path = tmp_path / f"fixture.{format}"
    path.write_text(serializers.serialize(format, Everything.objects.order_by("position")))
    call_command("flush", interactive=False, verbosity=0)
    call_command("loaddata", str(path), verbosity=0)
    back = {event.n: event for event in Everything.objects.all()}
    for row in given:
        for name in fields:
            assert getattr(back[row["n"]], name) == row[name], name


class FixtureTests(TestCase):
    """`fixtures` of a TestCase are loaded within its transaction."""

    fixtures = ["two_books"]

    def test_1_the_events_are_there(self):
        self.assertEqual([event.title for event in BookAdded.objects.order_by("position")], ["Emma", "Persuasion"])
        BookAdded.objects.create(book=3, title="Ulysses")

    def test_2_and_again(self):
        self.assertEqual(BookAdded.objects.count(), 2)


def test_a_new_database_gets_the_same_positions_and_times(tmp_path):
    project = Project(tmp_path)
    project.models(
        "class Sold(Event):\n    item = models.BigIntegerField()\n"
        "class Bought(Event):\n    item = models.BigIntegerField()\n"
    )
    project.update()
    project.append("shop.Sold", {"item": 1}, {"item": 2})
    project.append("shop.Bought", {"item": 3})
    project.append("shop.Sold", {"item": 4})
    project.run("dumpdata", "shop", "--output", "dump.xml", "--format", "xml")
    select = (
        "SELECT position, created, name, data FROM eventfold_event JOIN eventfold_type ON id = type_id "
        "ORDER BY position"
    )
    before = project.rows(select)
    (project.folder / "db.sqlite3").unlink()
    project.migrate()
    project.run("loaddata", "dump.xml")
    assert project.rows(select) == before
    project.run("loaddata", "dump.xml")
    assert project.rows(select) == before


def test_an_event_of_the_first_millisecond_of_a_second_is_known_again():
    event = BookBorrowed(book=7, borrowed_by="ann")
    event.created = datetime.datetime(2026, 1, 1, microsecond=880, tzinfo=datetime.timezone.utc)
    fixture = serializers.serialize("json", [event])
    (loaded,) = serializers.deserialize("json", fixture)
    assert _text(loaded.object) == _text(event)
