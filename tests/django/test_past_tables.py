"""`past()`: tables as they were."""

import asyncio
import datetime
import sqlite3

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import SynchronousOnlyOperation
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import Count, F
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from eventfold.django import NotRecorded, PastError, as_of, events_of, history, past
from eventfold.django.tracking.past import _ATTRIBUTE
from eventfold.django.tracking.past_table import PastTable
from tests.django.books.events import BookBorrowed
from tests.django.loans.models import Author, Book, BookProxy, Library, Place, Shelf
from tests.django.museum.models import Artist, Coin, Painting, Piece, Room, Seat
from tests.django.untold import without_triggers

pytestmark = pytest.mark.django_db


def head(alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT head FROM eventfold_head")
        return cursor.fetchone()[0]


def temporary_tables(alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT name FROM temp.sqlite_master WHERE type = 'table'")
        return [name for (name,) in cursor.fetchall()]


def test_query_sets_read_the_rows_of_that_moment():
    kept, gone = Shelf.objects.create(mark="a", row=1), Shelf.objects.create(mark="b", row=2)
    then = head()
    kept.row = 7
    kept.save()
    gone.delete()
    Shelf.objects.create(mark="c", row=3)
    with past(then) as position:
        assert position == then
        assert list(Shelf.objects.order_by("mark").values_list("mark", "row")) == [("a", 1), ("b", 2)]
        assert Shelf.objects.filter(row__gt=1).count() == 1
        assert Shelf.objects.get(mark="b").row == 2
        with connection.cursor() as cursor:
            cursor.execute("select sum(ROW) from LOANS_SHELF")
            assert cursor.fetchone() == (3,)
    assert list(Shelf.objects.order_by("mark").values_list("mark", "row")) == [("a", 7), ("c", 3)]
    assert temporary_tables() == []
    with past(0):
        assert not Shelf.objects.exists()
    with past(head() + 1000) as position:
        assert position == head()
        assert Shelf.objects.count() == 2


def test_every_kind_of_value_comes_back_as_it_was():
    from tests.django.test_tracking import VALUES

    book = Book.objects.create(**VALUES, secret="x", note="y")
    Book.objects.create(title="empty")
    before = list(Book.objects.order_by("pk").values())
    then = head()
    Book.objects.update(**dict.fromkeys(VALUES.keys() - {"title", "available"}), title="", available=True)
    with past(then):
        found = list(Book.objects.order_by("pk").values())
        for name in VALUES.keys() - {"tags"}:
            assert Book.objects.filter(title=VALUES["title"]).filter(**{name: VALUES[name]}).exists(), name
    for row in before:
        row["secret"] = row["note"] = None  # not known
    assert found == before
    assert found[0]["id"] == book.pk


def test_a_time_tells_as_well_as_a_position():
    early = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5)
    shelf = Shelf.objects.create(mark="a", row=1)
    Shelf.objects.update(row=2)
    changed, created = history(shelf)
    for when, row in ((created.created, 1), (changed.created, 2)):
        if created.created == changed.created:
            row = 2
        with past(when):
            assert Shelf.objects.get().row == row
    with past(early):
        assert not Shelf.objects.exists()
    with pytest.raises(TypeError, match="a moment is"), past("yesterday"):
        pass
    with pytest.raises(TypeError, match="a moment is"):
        as_of(shelf, "yesterday")


def test_related_rows_are_of_the_same_moment():
    ann = User.objects.create(username="ann")
    room = Room.objects.create(name="first")
    whole = Piece.objects.create(name="Altar", room=room)
    wing = Piece.objects.create(name="Wing", part_of=whole, room=room)
    jan, hubert = Artist.objects.create(name="Jan"), Artist.objects.create(name="Hubert")
    whole.artists.set([jan, hubert])
    painting = Painting.objects.create(name="Mill", width=3, part_of=whole)
    book = Book.objects.create(title="Emma", borrowed_by=ann)
    then = head()
    Piece.objects.filter(pk=whole.pk).update(name="Retable")
    whole.artists.set([jan])
    Piece.objects.filter(pk=wing.pk).delete()
    painting.name, painting.width = "Windmill", 4
    painting.save()
    Book.objects.update(borrowed_by=None)
    with past(then):
        assert Piece.objects.get(name="wing").part_of.name == "Altar"
        assert Piece.objects.filter(part_of__name="Altar").count() == 2
        assert Piece.objects.get(name="Altar").loud == "ALTAR"
        assert sorted(Piece.objects.get(name="Altar").artists.values_list("name", flat=True)) == ["Hubert", "Jan"]
        assert [piece.name for piece in hubert.piece_set.all()] == ["Altar"]
        assert Piece.objects.annotate(parts_=Count("parts")).get(name="Altar").parts_ == 2
        (found,) = Painting.objects.prefetch_related("part_of__artists").select_related("part_of")
        assert (found.name, found.width, found.part_of.name) == ("Mill", 3, "Altar")
        assert len(found.part_of.artists.all()) == 2
        assert ann.book_set.get() == book
        assert BookProxy.objects.get().borrowed_by == ann
    assert [piece.name for piece in hubert.piece_set.all()] == []


def test_keys_of_other_kinds_and_parents_come_back():
    Coin.objects.create(worth="1.50", count=2)
    Seat.objects.create(row=1, mark="é")
    library = Library.objects.create(name="Main", seats=3)
    then = head()
    Coin.objects.all().delete()
    Seat.objects.update(taken=True)
    library.delete()
    with past(then):
        assert Coin.objects.get(worth="1.5").count == 2
        assert Seat.objects.get(pk=(1, "é")).taken is False
        assert (Library.objects.get().name, Place.objects.get().library.seats) == ("Main", 3)


def test_nothing_can_be_written_within():
    shelf = Shelf.objects.create(mark="a", row=1)
    author = Author.objects.create(name="Jane")
    then = head()
    with past(then):
        attempts = [
            shelf.delete,
            lambda: Shelf.objects.create(mark="b"),
            lambda: Shelf.objects.update(row=F("row") + 1),
            lambda: Author.objects.filter(pk=author.pk).update(name="x"),
            lambda: BookBorrowed.objects.create(book=1, borrowed_by="ann"),
            lambda: connection.cursor().execute("DELETE FROM loans_shelf"),
            lambda: connection.cursor().execute("DELETE FROM main.loans_shelf"),
        ]
        for attempt in attempts:
            with pytest.raises(PastError, match="cannot be written within past"), transaction.atomic():
                attempt()
        assert Shelf.objects.get().row == 1
    assert head() == then
    shelf.row = 5
    shelf.save()
    assert history(shelf)[0].new == {"row": 5}


def test_there_is_one_moment_at_a_time():
    with past(0), pytest.raises(PastError, match="leave the one moment"), past(1):
        pass
    with past(1):
        pass


def test_what_reads_the_table_itself_is_refused():
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIEW rows_of_shelves AS SELECT row FROM loans_shelf")
    with past(0), connection.cursor() as cursor:
        with pytest.raises(PastError, match="rows_of_shelves reads loans_shelf as it is now"):
            cursor.execute("SELECT * FROM rows_of_shelves")
        with pytest.raises(PastError, match="The statement reads loans_shelf as it is now"):
            cursor.execute("SELECT row FROM main.loans_shelf")


def test_a_rollback_within_takes_nothing_away_for_good():
    Shelf.objects.create(mark="a", row=1)
    then = head()
    Shelf.objects.update(row=2)
    with past(then):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            assert Shelf.objects.get().row == 1
            raise ZeroDivisionError
        assert Shelf.objects.get().row == 1
    assert Shelf.objects.get().row == 2
    with pytest.raises(ZeroDivisionError), transaction.atomic(), past(then):
        assert Shelf.objects.get().row == 1
        raise ZeroDivisionError
    assert Shelf.objects.get().row == 2
    assert temporary_tables() == []


def test_a_query_set_that_is_still_read_does_not_keep_the_past():
    Shelf.objects.bulk_create([Shelf(mark=str(n)) for n in range(300)])
    then = head()
    Shelf.objects.update(row=2)
    with past(then):
        rows = Shelf.objects.iterator(chunk_size=10)
        assert next(rows).row == 0
    assert Shelf.objects.first().row == 2
    with past(then):
        assert Shelf.objects.first().row == 0
    assert Shelf.objects.first().row == 2
    assert [row.row for row in rows] == [0] * 299
    with past(then):
        assert Shelf.objects.first().row == 0
    assert temporary_tables() == []


@pytest.mark.django_db(transaction=True, databases=["default", "memory"])
def test_it_works_outside_a_transaction_and_in_memory(alias):
    Shelf.objects.using(alias).create(mark="a", row=1)
    then = head(alias)
    Shelf.objects.using(alias).update(row=2)
    with past(then, using=alias):
        assert Shelf.objects.using(alias).get().row == 1
        with pytest.raises(PastError):
            Shelf.objects.using(alias).update(row=3)
        if alias == "default":
            other = sqlite3.connect(connection.settings_dict["NAME"], timeout=1)
            with other:  # nobody else sees anything of it, or waits
                other.execute("UPDATE loans_shelf SET row = row + 1")
            other.close()
            connection.close()
        assert Shelf.objects.using(alias).get().row == 1
        with pytest.raises(PastError):
            Shelf.objects.using(alias).update(row=3)
    assert Shelf.objects.using(alias).get().row == (3 if alias == "default" else 2)
    assert connections[alias].__dict__[_ATTRIBUTE] is None


def test_rows_that_the_log_does_not_know_are_named():
    without_triggers("loans_shelf", "INSERT INTO loans_shelf (mark, row) VALUES ('a', 1)")
    with past(head()), pytest.raises(NotRecorded, match=r"does not know, a for one.*events bootstrap loans\.Shelf"):
        Shelf.objects.count()
    before = head()
    Shelf.objects.update(row=2)
    first = head()
    Shelf.objects.update(row=3)
    with past(first):
        assert Shelf.objects.values_list("row", flat=True).get() == 2
    with past(before), pytest.raises(NotRecorded, match=f"a from position {first} on"):
        Shelf.objects.count()
    with past(before):
        assert Book.objects.count() == 0  # each table for itself
    Shelf.objects.all().delete()
    with past(first):
        assert Shelf.objects.values_list("row", flat=True).get() == 2
    with past(head()):
        assert not Shelf.objects.exists()


def test_what_no_longer_fits_its_field_is_null():
    Shelf.objects.create(mark="a")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loans_shelf SET row = 'no number'")
    then = head()
    Shelf.objects.update(row=1)
    with past(then):
        assert Shelf.objects.get().row is None


def test_it_asks_not_to_be_used_from_async_code():
    async def read():
        with past(0):
            pass

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(read())


def test_a_database_without_a_log_is_named(monkeypatch):
    monkeypatch.setattr("eventfold.django.tracking.past.has_log", lambda connection: False)
    with pytest.raises(NotRecorded, match="has no event log"), past(0):
        pass


def test_a_table_is_made_once_and_only_if_it_is_read():
    Shelf.objects.create(mark="a", row=1)
    with past(head()), CaptureQueriesContext(connection) as queries:
        assert Coin.objects.count() == 0
        assert len([query for query in queries if "eventfold: past" in query["sql"]]) == 1
        for _ in range(3):
            assert Shelf.objects.count() == 1
        made = [query["sql"] for query in queries if "eventfold: past" in query["sql"]]
        assert made == ["eventfold: past of museum.Coin", "eventfold: past of loans.Shelf"]
        assert sorted(temporary_tables()) == ["loans_shelf", "museum_coin"]


def test_columns_and_indexes_are_those_of_the_table():
    piece = Piece.objects.create(name="Vase", weight=2)
    with past(head()), connection.cursor() as cursor:
        assert Piece.objects.get(name="VASE", loud="VASE") == piece
        described = "SELECT name, hidden FROM pragma_table_xinfo('museum_piece', '{}')"
        columns = [cursor.execute(described.format(schema)).fetchall() for schema in ("main", "temp")]
        assert columns[0] == columns[1]
        for lookup in ({"weight": 2}, {"name": "vase"}, {"part_of": piece}, {"pk": piece.pk}):
            assert "SEARCH museum_piece USING" in Piece.objects.filter(**lookup).explain(), lookup
        assert "USING" in piece.artists.all().explain()


def test_after_a_bootstrap_the_whole_table_is_known():
    without_triggers("loans_shelf", "INSERT INTO loans_shelf (mark, row) VALUES ('a', 1), ('b', 2), ('c', 3)")
    before = head()
    Shelf.objects.filter(mark="b").update(row=20)
    call_command("events", "bootstrap", "loans.Shelf", verbosity=0)
    call_command("events", "verify", "loans.Shelf", verbosity=0)
    known = head()
    Shelf.objects.filter(mark="a").delete()
    Shelf.objects.update(row=0)
    with past(known):
        assert list(Shelf.objects.order_by("mark").values_list("mark", "row")) == [("a", 1), ("b", 20), ("c", 3)]
    with past(before), pytest.raises(NotRecorded, match="knows from later events only"):
        Shelf.objects.count()
    assert [change.action for change in history(Shelf(mark="b"))] == ["changed", "existed", "changed"]
    assert as_of(Shelf(mark="b"), before + 1).row == 20
    with pytest.raises(NotRecorded, match="it was there before"):
        as_of(Shelf(mark="a"), before)


def test_a_table_that_could_not_be_made_is_not_taken_for_the_past(monkeypatch):
    Shelf.objects.create(mark="a", row=1)
    with past(head()):
        with monkeypatch.context() as patched:
            patched.setattr(PastTable, "_indexes", lambda self: ["no statement"])
            with pytest.raises(DatabaseError, match="syntax"):
                Shelf.objects.count()
        assert temporary_tables() == []
        assert Shelf.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_reading_the_past_waits_for_no_writer_where_something_follows_from_writes():
    def note(instance, **kwargs):
        pass

    coin = Coin.objects.create(worth="1.50", count=2)
    position = history(coin)[0].position
    Coin.objects.update(count=3)
    post_save.connect(note, sender=events_of(Coin).changed)
    writer = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    try:
        writer.execute("BEGIN IMMEDIATE")
        with past(position):
            assert Coin.objects.get().count == 2
    finally:
        writer.close()
        post_save.disconnect(note, sender=events_of(Coin).changed)
