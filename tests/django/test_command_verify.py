"""`manage.py events verify`."""

import io
import sqlite3
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models

from eventfold.django import as_of, events_of, history, past
from eventfold.django.replay import replayable_models
from eventfold.django.tracking import registry
from eventfold.django.tracking.verify import Comparison
from tests.django.loans.models import Author, Book, Library, Place, Shelf
from tests.django.loans.read_models import BookList
from tests.django.museum.models import Coin, Piece, Seat, Sign
from tests.django.test_past_tables import head
from tests.django.test_tracking import VALUES
from tests.django.untold import without_triggers

pytestmark = pytest.mark.django_db


def run(*args, **options):
    """What the command prints, and the message that it fails with, or None."""
    stream = io.StringIO()
    failure = None
    try:
        call_command("events", "verify", *args, stdout=stream, stderr=stream, **options)
    except CommandError as error:
        assert error.returncode == 1
        failure = str(error)
    return stream.getvalue().splitlines(), failure


def is_clean(*labels):
    lines, failure = run(*labels)
    return failure is None and all(line.endswith("all as the log says") for line in lines)


def test_a_table_that_its_triggers_saw_is_as_the_log_says():
    book = Book.objects.create(**VALUES, secret="x", note="y")
    book.authors.add(Author.objects.create(name="Jane"))
    Book.objects.create(title="other")
    Book.objects.update(pages=7, price="1.5", note="z")
    Book.objects.create(title="gone").delete()
    Library.objects.create(name="Main", seats=2)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO loans_shelf (mark, row) VALUES ('a', 'no number'), ('é', 9e999), ('\U0001f600', 1)")
        cursor.execute("UPDATE loans_shelf SET row = x'00ff' WHERE mark = 'a'")
    Coin.objects.create(worth="1.50")
    Coin.objects.create(worth="1000.25")
    Seat.objects.create(row=1, mark='é"')
    Seat.objects.create(row=-1, mark="b")
    Piece.objects.create(name="Vase")
    Seat.objects.update(taken=True)
    lines, failure = run()
    assert failure is None
    assert "loans.Book: 2 rows, all as the log says" in lines
    assert "loans.Book_authors: 1 row, all as the log says" in lines
    assert "museum.Seat: 2 rows, all as the log says" in lines
    tables = {model._meta.label for model in registry.tracked_models()}
    read_models = {model._meta.label for model in replayable_models("default")}
    assert {line.partition(":")[0] for line in lines} == tables | read_models
    assert len(lines) == len(tables) + len(read_models)


def test_each_kind_of_difference_is_found_and_recorded():
    for mark in "abc":
        Shelf.objects.create(mark=mark, row=1)
    Shelf.objects.create(mark="d", row=4).delete()
    without_triggers("loans_shelf", "UPDATE loans_shelf SET row = 2 WHERE mark = 'a'")
    without_triggers("loans_shelf", "DELETE FROM loans_shelf WHERE mark = 'b'")
    without_triggers("loans_shelf", "INSERT INTO loans_shelf (mark, row) VALUES ('d', 5), ('e', 6), ('f', 7)")
    Shelf.objects.filter(mark="f").update(row=8)
    lines, failure = run("loans.Shelf")
    assert lines == [
        "loans.Shelf a: row is 1 in the log, 2 in the table",
        "loans.Shelf b: only in the log; the table no longer has it",
        "loans.Shelf d: only in the table; the log says that it was deleted",
        "loans.Shelf e: only in the table; the log does not know it",
        "loans.Shelf f: only in the table as a whole; the log knows changes of it, from before it was recorded",
        "loans.Shelf: 5 rows, 5 differences",
    ]
    assert "differ in 5 rows. `manage.py events verify loans.Shelf --repair` records what the tables have" in failure
    lines, failure = run("loans.Shelf", limit=2)
    assert len(lines) == 3 and lines[-1] == "loans.Shelf: 5 rows, 5 differences, 3 of them not shown"
    rows = list(Shelf.objects.order_by("mark").values())
    before = head()
    lines, failure = run("loans.Shelf", repair=True)
    assert failure is None and lines[-1] == "Recorded what the tables have: 5 events."
    assert is_clean("loans.Shelf")
    assert rows == list(Shelf.objects.order_by("mark").values())
    recorded = history(Shelf).filter(position__gt=before).order_by("position")
    assert [(change.key, change.action, change.part("old"), change.part("new")) for change in recorded] == [
        ("a", "changed", {"row": 1}, {"row": 2}),
        ("b", "deleted", {"mark": "b", "row": 1}, {}),
        ("d", "created", {}, {"mark": "d", "row": 5}),
        ("e", "existed", {}, {"mark": "e", "row": 6}),
        ("f", "existed", {}, {"mark": "f", "row": 8}),
    ]
    with past(head()):
        assert rows == list(Shelf.objects.order_by("mark").values())
    assert as_of(Shelf(mark="a"), before).row == 1
    assert run("loans.Shelf", repair=True) == (["loans.Shelf: 5 rows, all as the log says"], None)


@pytest.mark.parametrize(
    ("make", "table", "change"),
    [
        (lambda: Seat.objects.create(row=1, mark="é"), "museum_seat", "taken = 1"),
        (lambda: Coin.objects.create(worth="1.50"), "museum_coin", "count = 9"),
        (lambda: Piece.objects.create(name="Vase"), "museum_piece", "weight = 9e999, alarm = 'loud'"),
        (
            lambda: Book.objects.create(**VALUES),
            "loans_book",
            "tags = '{\"a\":\"\\ud800\"}', cover = x'01', rating = 0.1",
        ),
        (lambda: Book.objects.create(**VALUES), "loans_book", "pages = 'x', added = NULL, price = 2, available = 1"),
    ],
)
def test_what_is_recorded_is_what_a_trigger_would_have(make, table, change):
    row = make()
    without_triggers(table, f"UPDATE {table} SET {change}")
    label = row._meta.label
    assert not is_clean(label)
    assert run(label, repair=True)[1] is None
    assert is_clean(label)
    repaired = history(row).first()
    assert repaired.action == "changed"
    events = events_of(type(row)).changed
    assert events.objects.get().position == repaired.position
    without_triggers(table, f"DELETE FROM {table}")
    run(label, repair=True)
    assert is_clean(label)
    assert history(row).first().action == "deleted"


def test_keys_in_an_order_of_their_own_find_their_rows():
    Sign.objects.bulk_create([Sign(text=text) for text in ("b", "A", "Z", "c", "É", "é", "_")])
    Sign.objects.filter(text="a").update(height=2)
    assert is_clean("museum.Sign")
    without_triggers("museum_sign", "UPDATE museum_sign SET height = 5 WHERE text IN ('Z', 'c')")
    lines, _ = run("museum.Sign", repair=True)
    assert [line.partition(":")[0] for line in lines[:2]] == ["museum.Sign Z", "museum.Sign c"]
    assert is_clean("museum.Sign")


def test_a_masked_field_differs_only_where_it_is_null():
    piece = Piece.objects.create(name="Vase", alarm="silent", remarks="none")
    without_triggers("museum_piece", "UPDATE museum_piece SET alarm = 'loud', remarks = 'some'")
    assert is_clean("museum.Piece")
    assert history(piece).first().new["alarm"] == "********"


def test_what_is_tracked_with_a_model_is_compared_with_it():
    Library.objects.create(name="Main", seats=1)
    without_triggers("loans_place", "UPDATE loans_place SET name = 'Central'")
    lines, failure = run("loans.library")
    assert lines[0] == "loans.Library: 1 row, all as the log says"
    assert lines[1].endswith('name is "Main" in the log, "Central" in the table')
    assert failure
    assert run("loans.Library", repair=True)[1] is None
    assert is_clean("loans.Place")
    assert Place.objects.get().name == "Central"


def test_a_read_model_has_seen_what_was_recorded():
    book = Book.objects.create(title="Emma")
    without_triggers("loans_book", "UPDATE loans_book SET title = 'Persuasion'")
    assert BookList.objects.get().title == "Emma"
    run("loans.Book", repair=True)
    assert BookList.objects.get(key=book.pk).title == "Persuasion"


def test_what_is_no_tracked_model_is_named():
    for label in ("loans.Nothing", "nothing", "loans.Untold"):
        with pytest.raises(CommandError, match=rf"{label} is no tracked model .*There are: .*loans\.Book"):
            call_command("events", "verify", label)
    with pytest.raises(CommandError, match="must not be negative"):
        call_command("events", "verify", limit=-1)


def test_a_table_without_triggers_is_said_to_be_unwatched():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER eventfold_tracks_loans_shelf_created")
    lines, failure = run("loans.Shelf")
    assert "changes go unrecorded. Run `manage.py migrate" in lines[0]
    assert failure is None


def test_many_rows_are_compared_piece_by_piece():
    Shelf.objects.bulk_create([Shelf(mark=f"{n:05}", row=n) for n in range(5000)])
    Shelf.objects.filter(row__lt=3000).update(row=models.F("row") + 1)
    Shelf.objects.filter(row__gt=4000).delete()
    assert is_clean("loans.Shelf")
    without_triggers("loans_shelf", "UPDATE loans_shelf SET row = -1 WHERE row % 1000 = 0")
    comparison = Comparison(connection, Shelf)
    assert [difference.key for difference in comparison.differences()] == ["00999", "01999", "02999", "03000", "04000"]
    assert comparison.rows == 4001


@pytest.mark.django_db(transaction=True)
def test_it_is_right_beside_a_writer():
    Shelf.objects.bulk_create([Shelf(mark=f"{n:05}", row=n) for n in range(3000)])
    path = connection.settings_dict["NAME"]
    stop = threading.Event()
    written = []

    def write():
        other = sqlite3.connect(path, timeout=10)
        number = 0
        while not stop.is_set():
            with other:
                other.execute("UPDATE loans_shelf SET row = row + 1 WHERE row % 100 = ?", [number % 100])
                other.execute("INSERT INTO loans_shelf (mark, row) VALUES (?, 0)", [f"new{number}"])
                other.execute("DELETE FROM loans_shelf WHERE mark = ?", [f"{number:05}"])
            number += 1
            written.append(number)
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            before = len(written)
            assert is_clean("loans.Shelf")
        assert len(written) > before
        assert run("loans.Shelf", repair=True)[0][-1].endswith("all as the log says")
    finally:
        stop.set()
        writer.join()


def test_it_says_which_type_is_missing():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_type SET name = 'x.y' WHERE name = 'loans.ShelfExisted'")
    with pytest.raises(CommandError, match=r"loans\.Shelf is not tracked yet.*migrate"):
        call_command("events", "verify", "loans.Shelf")
