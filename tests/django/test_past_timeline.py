"""`manage.py events show app.Model:key`."""

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.test.utils import override_settings

from eventfold.django import history, metadata
from tests.django.loans.models import Book, BookProxy, Library, Shelf
from tests.django.museum.models import Coin, Piece, Seat
from tests.django.untold import without_triggers

pytestmark = pytest.mark.django_db


def lines_of(row, **options):
    stream = io.StringIO()
    call_command("events", "show", row, stdout=stream, **options)
    # positions and times are as those of `events show`
    return [
        re.sub(r"^ *\d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", "@ ", line) for line in stream.getvalue().splitlines()
    ]


def test_who_when_and_what_from_old_to_new():
    book = Book.objects.create(title="Emma", price="1.50", secret="x")
    book.title, book.published, book.secret = "Persuasion " * 9, "2020-01-02", "y"
    with metadata(user="ann", path="/books/"):
        book.save()
    assert history(book)[0].metadata == {"user": "ann", "path": "/books/"}
    book.delete()
    label = f"loans.Book:{history(Book).first().key}"
    assert lines_of(label) == [
        "@ created",
        f"           id: {label.partition(':')[2]}",
        '           title: "Emma"',
        '           price: "1.50"',
        "           available: true",
        '           secret: "********"',
        "@ changed by ann",
        '           title: "Emma" -> "Persuasion Persuasion Persuasion Persuasion Persuasion Per…',
        '           published: null -> "2020-01-02"',
        '           secret: "********" -> "********"',
        "@ deleted",
        f"           id: {label.partition(':')[2]}",
        '           title: "Persuasion Persuasion Persuasion Persuasion Persuasion Per…',
        '           price: "1.50"',
        "           available: true",
        '           published: "2020-01-02"',
        '           secret: "********"',
    ]


def test_the_options_that_choose_events_go_with_it():
    shelf = Shelf.objects.create(mark="a:b", row=1)
    for row in (2, 3):
        shelf.row = row
        shelf.save()
    newest, middle, oldest = (change.position for change in history(shelf))
    assert lines_of("loans.Shelf:a:b", tail=2) == lines_of("loans.Shelf:a:b", after=oldest)
    assert lines_of("loans.Shelf:a:b", limit=1)[0] == "@ created"
    assert lines_of("loans.Shelf:a:b", after=oldest, until=middle) == ["@ changed", "           row: 1 -> 2"]
    assert lines_of("loans.Shelf:a:b", after=newest) == []
    for wrong in ({"type": ["loans.BookCreated"]}, {"stream": "x"}, {"json": True}):
        with pytest.raises(CommandError, match="does not go with the timeline"):
            call_command("events", "show", "loans.Shelf:a:b", **wrong)


def test_a_whole_model_names_each_row():
    Shelf.objects.create(mark="a", row=1)
    Shelf.objects.create(mark="b", row=2)
    assert [line for line in lines_of("loans.shelf") if line.startswith("@")] == ["@ created a", "@ created b"]
    with override_settings(USE_TZ=False):
        assert len(lines_of("loans.Shelf")) == 6


def test_a_child_shows_what_happened_to_its_parent():
    library = Library.objects.create(name="Main", seats=1)
    Library.objects.update(name="Central")
    assert lines_of(f"loans.Library:{library.pk}", tail=1) == [
        "@ changed loans.Place",
        '           name: "Main" -> "Central"',
    ]


def test_keys_are_written_as_they_read():
    Seat.objects.create(row=1, mark="b")
    assert lines_of("museum.Seat:1,b") == lines_of('museum.Seat:[1,"b"]')
    assert lines_of("museum.Seat:1,b")[1:] == ["           row: 1", '           mark: "b"', "           taken: false"]
    Coin.objects.create(worth="1.50")
    assert lines_of("museum.Coin:1.5")[0] == "@ created"
    piece = Piece.objects.create(name="Vase")
    assert lines_of(f"museum.Piece:{piece.pk}") == lines_of(f"museum.piece:{piece.pk.hex}")
    book = Book.objects.create(title="x")
    assert lines_of(f"loans.BookProxy:{book.pk}") == lines_of(f"loans.Book:{book.pk}")
    assert BookProxy.objects.get() == book


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("loans.Nothing:1", r"loans.Nothing is no model. Name a row as app.Model:key"),
        ("7", "7 is no model"),
        ("a.b.c:7", "is no model"),
        ("loans.Untold:1", "loans.Untold is not tracked.*Tracked are: .*loans.Book"),
        ("loans.Book:seven", "loans.Book:seven: .*must be an integer"),
        ("loans.Book:", "loans.Book:: .*"),
        ("museum.Seat:1", "has 2 parts. Name a row as museum.Seat:row,mark"),
        ("museum.Seat:[1,", "has 2 parts"),
        ("museum.Piece:x", "is not a valid UUID"),
        ("loans.Book:12345", "There never was a loans.Book:12345"),
        ("loans.Book", "Nothing has happened to loans.Book yet"),
    ],
)
def test_what_names_no_row_is_explained(row, why):
    with pytest.raises(CommandError, match=why):
        call_command("events", "show", row)


def test_a_row_from_before_tracking_is_not_unknown():
    without_triggers("loans_shelf", "INSERT INTO loans_shelf (mark, row) VALUES ('a', 1)")
    for row in ("loans.Shelf:a", "loans.Shelf"):
        with pytest.raises(CommandError, match=r"before tracking began: `manage.py events bootstrap loans\.Shelf`"):
            call_command("events", "show", row)
