"""A replay makes the rows anew from the log: beside the live ones, then all of them at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError
from django.db import connection, connections, models, transaction
from django.db.models.signals import post_save, pre_save

from eventfold import EventLog
from eventfold.django.replay import replay
from eventfold.django.test_databases import empty_log
from eventfold.errors import CorruptLog, ProjectionError, WrongLog
from tests.django.loans.models import Book
from tests.django.loans.read_models import BookList
from tests.django.shelves.events import Cleared, Noted, Stored, Taken
from tests.django.shelves.helpers import (
    all_rows,
    by_hand,
    corrupt,
    given_some_events,
    record_by_another_program,
    replayed,
    rows,
)
from tests.django.shelves.read_models import Author, Clearing, Diary, Place

both = pytest.mark.django_db(databases=["default", "memory"])
on_disk = pytest.mark.django_db(transaction=True)


def elsewhere(function):
    """Run a function in another thread, and so on another connection."""

    def run():
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def drift(using="default"):
    by_hand(Place, using).filter(shelf="a").update(stored=99, title="wrong")
    by_hand(Place, using).filter(shelf="b").delete()
    by_hand(Place, using).bulk_create([Place(shelf="z", row=0)])
    by_hand(Diary, using).update(story="lies")
    Author.objects.using(using).update(words=-1)
    Author.objects.using(using).create(name="nobody")


@both
def test_a_replay_gives_the_rows_that_living_through_it_gave(alias):
    given_some_events(alias)
    before = all_rows(alias)
    assert all(before.values())
    replayed(database=alias)
    assert all_rows(alias) == before


@both
def test_a_replay_mends_rows_that_have_drifted(alias):
    given_some_events(alias)
    before = all_rows(alias)
    drift(alias)
    assert all_rows(alias) != before
    replayed(database=alias)
    assert all_rows(alias) == before


@on_disk
def test_a_replay_on_disk_reads_beside_the_live_rows():
    given_some_events()
    before = all_rows()
    drift()
    replayed()
    assert all_rows() == before


@on_disk
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_gives_the_same_rows(threads):
    Cleared.objects.bulk_create([Cleared(shelf=str(n * n % 997), row=n) for n in range(30_000)])
    before = rows(Clearing)
    assert len(before) == 499
    Clearing.objects.all().delete()
    (done,) = replay(Clearing, "default", threads)
    assert rows(Clearing) == before
    assert (done.inserted, done.updated, done.deleted, done.rows) == (499, 0, 0, 499)


@pytest.mark.django_db
def test_only_rows_that_differ_are_written():
    Cleared.objects.bulk_create([Cleared(shelf=str(n), row=n) for n in range(50)])
    (done,) = replay(Clearing, "default")
    assert (done.inserted, done.updated, done.deleted, done.rows) == (0, 0, 0, 50)
    by_hand(Clearing).filter(shelf="7").update(times=5)
    by_hand(Clearing).filter(shelf="8").delete()
    by_hand(Clearing).bulk_create([Clearing(shelf="x")])
    (done,) = replay(Clearing, "default")
    assert (done.inserted, done.updated, done.deleted, done.rows) == (1, 1, 1, 50)


@both
def test_rows_keep_the_numbers_that_others_know_them_by(alias):
    given_some_events(alias)
    Author.objects.using(alias).create(name="first")  # so that the numbers are not those of an empty table
    Author.objects.using(alias).all().delete()
    given_some_events(alias)
    before = _numbers(alias)
    by_hand(Place, alias).update(stored=0)
    by_hand(Author, alias).update(notes=0)
    replayed("shelves.Place", "shelves.Author", database=alias)
    assert _numbers(alias) == before


def _numbers(alias):
    places = Place.objects.using(alias).values_list("id", "shelf", "row")
    return set(places) | set(Author.objects.using(alias).values_list("id", "name"))


@on_disk
def test_views_and_triggers_of_the_user_stay():
    given_some_events()
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIEW well_filled AS SELECT shelf, row FROM shelves_place WHERE stored > 1")
        cursor.execute("CREATE TABLE changes (shelf TEXT)")
        cursor.execute(
            "CREATE TRIGGER note AFTER UPDATE ON shelves_place BEGIN INSERT INTO changes VALUES (new.shelf); END"
        )
    try:
        by_hand(Place).filter(shelf="b").update(stored=4)
        replayed("shelves.Place", "shelves.Author")
        with connection.cursor() as cursor:
            assert cursor.execute("SELECT * FROM well_filled").fetchall() == [("a", 1)]
            assert cursor.execute("SELECT * FROM changes").fetchall() == [("b",), ("b",)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP VIEW well_filled")
            cursor.execute("DROP TRIGGER note")
            cursor.execute("DROP TABLE changes")


@pytest.mark.django_db
def test_receivers_run_for_new_events_and_never_on_a_replay():
    seen = []

    def receiver(sender, instance, **kwargs):
        seen.append(instance.position)

    for signal in (pre_save, post_save):
        signal.connect(receiver, sender="shelves.Stored")
    try:
        given_some_events()
        assert len(seen) == 8
        replayed()
        assert len(seen) == 8
    finally:
        for signal in (pre_save, post_save):
            signal.disconnect(receiver, sender=Stored)


@pytest.mark.django_db
def test_a_replay_in_a_transaction_that_rolls_back_never_was():
    given_some_events()
    drift()
    before = all_rows()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        replayed()
        assert all_rows() != before
        raise ZeroDivisionError
    assert all_rows() == before


@pytest.mark.django_db
def test_a_replay_in_a_transaction_sees_its_own_events():
    with transaction.atomic():
        given_some_events()
        drift()
        replayed()
        assert Place.objects.get(shelf="a").stored == 2


@on_disk
@pytest.mark.parametrize("model", [Place, Clearing])
def test_events_that_come_during_a_replay_are_in_it(model):
    given_some_events()
    model.objects.all().delete()

    def append_meanwhile(done, total):
        if not appended:
            appended.append(done)
            elsewhere(given_some_events)

    appended = []
    (done,) = replay(model, "default", progress=append_meanwhile)
    assert done.head == appended[0] + 9
    if model is Place:
        assert Place.objects.get(shelf="a").stored == 4
    else:
        assert Clearing.objects.get(shelf="b").times == 2


@on_disk
@pytest.mark.parametrize("model", [Clearing, Author])
def test_readers_see_the_old_rows_or_the_new_ones(model):
    field = "times" if model is Clearing else "words"
    Cleared.objects.bulk_create([Cleared(shelf=str(n), row=n) for n in range(40)])
    Noted.objects.bulk_create([Noted(author=str(n), words=1) for n in range(40)])
    seen = set()
    reads = threading.Semaphore(0)
    over = threading.Event()

    def read():
        try:
            while not over.is_set():
                seen.add(tuple(model.objects.values_list(field).annotate(models.Count("pk")).order_by(field)))
                reads.release()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            for _ in range(5):
                by_hand(model).update(**{field: 0})
                reads.acquire(timeout=10)
                replay(model, "default")
                while reads.acquire(blocking=False):
                    pass
                for _ in range(2):
                    reads.acquire(timeout=10)
        finally:
            over.set()
        reading.result()
    assert seen == {((0, 40),), ((1, 40),)}


@both
@pytest.mark.parametrize("data", ["no json", '{"shelf":7,"row":1,"title":"x"}', '{"shelf":"a","row":1', "[]"])
def test_a_corrupt_event_stops_the_replay_and_says_where(data, alias):
    Stored.objects.using(alias).create(shelf="a", row=1, title="One")
    event = Stored.objects.using(alias).create(shelf="a", row=1, title="Two")
    before = rows(Place, alias)
    corrupt(event, data, alias)
    with pytest.raises(CommandError, match=f"shelves.Stored at position {event.position}") as raised:
        replayed("shelves.Place", database=alias)
    assert isinstance(raised.value.__cause__, CorruptLog)
    assert rows(Place, alias) == before


@on_disk
def test_a_corrupt_event_stops_all_threads():
    Cleared.objects.bulk_create([Cleared(shelf=str(n % 100), row=n) for n in range(30_000)])
    before = rows(Clearing)
    corrupt(Cleared.objects.all()[25_000], "{")
    by_hand(Clearing).filter(shelf="1").update(times=0)
    drifted = rows(Clearing)
    with pytest.raises(CorruptLog, match=r"shelves.Cleared at position \d+"):
        replay(Clearing, "default", threads=3)
    assert rows(Clearing) == drifted != before


@pytest.mark.django_db
def test_an_event_without_the_key_stops_the_replay_and_says_which():
    event = Stored.objects.create(shelf="a", row=1, title="One")
    record_by_another_program('{"row":1,"title":"Two"}', like=event)
    before = rows(Place)
    with pytest.raises(CommandError, match=r'shelves\.Place, the event shelves\.Stored at position \d+.*"shelf"') as e:
        replayed("shelves.Place")
    assert isinstance(e.value.__cause__, ProjectionError)
    assert rows(Place) == before


@on_disk
@pytest.mark.parametrize("model", [Place, Clearing])
def test_an_interrupted_replay_leaves_the_rows_as_they_were(model):
    given_some_events()
    drift()
    before = all_rows()

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(model, "default", progress=interrupt)
    assert all_rows() == before
    Taken.objects.create(shelf="a", row=1, by="bob")  # and the connection works on


@on_disk
def test_a_log_that_is_emptied_during_a_replay_is_an_error():
    given_some_events()

    def empty_meanwhile(done, total):
        elsewhere(lambda: empty_log(connections["default"]))

    with pytest.raises(WrongLog, match=r"run `manage\.py events replay` again"):
        replay(Clearing, "default", progress=empty_meanwhile)


@pytest.mark.django_db
def test_a_model_that_nothing_keeps_cannot_be_replayed():
    from django.contrib.auth.models import User

    with pytest.raises(ProjectionError, match=r"auth.User has neither a Projection nor a @projector"):
        replay(User, "default")


@on_disk
def test_read_models_see_the_events_of_another_program_with_the_next_append_and_once():
    def taken_by_another_program():
        with EventLog(connection.settings_dict["NAME"]) as log:
            log.append("shelves.Taken", {"shelf": "q", "row": 1, "by": "ann"})

    Stored.objects.create(shelf="q", row=1, title="Emma")
    taken_by_another_program()
    assert Place.objects.get(shelf="q").taken == 0
    Noted.objects.create(author="Jane", words=1)
    assert Place.objects.get(shelf="q").taken == 1
    taken_by_another_program()
    replay(Place, "default")
    assert Place.objects.get(shelf="q").taken == 2
    Noted.objects.create(author="Jane", words=1)
    assert Place.objects.get(shelf="q").taken == 2


@on_disk
def test_a_replay_of_projectors_goes_on_where_another_program_has_changed_a_tracked_table():
    given_some_events()
    book = Book.objects.create(title="Emma")
    by_hand(Author).update(words=0)
    connection.connection.execute("UPDATE loans_book SET title = 'Persuasion'")  # past what would fold it
    (done,) = replay(Author, "default")
    assert (done.updated, done.rows) == (2, 2)
    row = BookList.objects.get(key=book.pk)
    assert (row.title, row.changes) == ("Persuasion", 1)
