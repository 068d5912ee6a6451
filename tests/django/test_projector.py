"""Functions that keep a read model by hand: called for new events, and again, in order, by a replay."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError
from django.db import connection, connections, transaction
from django.db.models.signals import post_save
from django.test import override_settings

from eventfold.django import projector, projectors
from eventfold.django.projector_replay import ProjectorReplay
from eventfold.django.replay import replay
from eventfold.errors import ProjectionError
from tests.django.shelves.events import Noted, Stored, Taken
from tests.django.shelves.helpers import all_rows, corrupt, given_some_events, replayed, rows
from tests.django.shelves.read_models import Author, Longest, Word

both = pytest.mark.django_db(databases=["default", "memory"])
on_disk = pytest.mark.django_db(transaction=True)


@pytest.fixture
def declared(monkeypatch):
    """Declare projectors that are gone after the test."""
    monkeypatch.setattr(projectors, "_projectors", list(projectors.all_projectors()))
    before = len(projectors.all_projectors())
    yield
    for each in projectors.all_projectors()[before:]:
        for label in each.events:
            post_save.disconnect(each.receive, sender=label)


def elsewhere(function):
    """Run a function in another thread, and so on another connection."""

    def run():
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def temporary_tables():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_temp_master WHERE type = 'table'")
        return [name for (name,) in cursor.fetchall()]


@both
def test_it_is_called_for_new_events_and_rolls_back_with_them(alias):
    given_some_events(alias)
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
        Noted.objects.using(alias).create(author="bob", words=100)
        raise ZeroDivisionError
    assert rows(Author, alias) == [("bob", 7, 2), ("eve", 11, 1)]
    assert rows(Word, alias) == [("bob", 7), ("eve", 11)]
    assert rows(Longest, alias) == [("eve", 11)]


@on_disk
def test_what_was_appended_meanwhile_is_mostly_taken_in_without_the_lock(declared):
    locked = []

    @projector("shelves.Noted", reads="shelves.Author")
    def note(event, using):
        locked.append(connection.in_atomic_block)

    given_some_events()
    labels, keepers = projectors.kept_together("shelves.Author")
    assert labels == ["shelves.Author"]
    with ProjectorReplay([Author], keepers, connection, None) as replaying:
        replaying.scan()
        elsewhere(lambda: [Noted.objects.create(author="bob", words=number) for number in range(50)])
        locked.clear()
        replaying.write()
    assert locked == [False] * 50
    assert rows(Author) == [("bob", 7 + sum(range(50)), 52), ("eve", 11, 1)]


@both
def test_one_that_keeps_two_models_rebuilds_both(alias):
    given_some_events(alias)
    before = all_rows(alias)
    Word.objects.using(alias).update(words=1)
    Longest.objects.using(alias).all().delete()
    done = replay(Word, alias)
    assert [each.model for each in done] == [Longest, Word]
    assert all_rows(alias) == before


@pytest.mark.django_db
def test_models_kept_together_are_rebuilt_once(declared):
    calls = []

    @projector("shelves.Noted", reads=["shelves.Word", "shelves.Longest"])
    def count_calls(event):
        calls.append(event.position)

    given_some_events()
    calls.clear()
    replayed()
    assert calls == [event.position for event in Noted.objects.order_by("position")]


@pytest.mark.django_db
def test_it_sees_the_events_of_all_its_types_in_log_order(declared):
    seen = []

    @projector(Stored, "shelves.Taken", reads="auth.Group")
    def write_down(event):
        seen.append((type(event), event.position, event.created))

    given_some_events()
    live = list(seen)
    seen.clear()
    replayed("auth.Group")
    assert seen == live
    assert [cls for cls, *_ in live] == [Stored, Stored, Taken, Stored, Stored]


@pytest.mark.django_db
def test_a_replay_calls_no_other_receiver(declared):
    seen = []

    def receiver(sender, **kwargs):
        seen.append(kwargs)

    post_save.connect(receiver, sender="shelves.Noted")
    try:
        given_some_events()
        seen.clear()
        replayed("shelves.Author")
        assert seen == []
    finally:
        post_save.disconnect(receiver, sender=Noted)


@on_disk
def test_the_live_rows_stay_until_the_end(declared):
    given_some_events()
    during = []

    @projector("shelves.Noted", reads="shelves.Author")
    def look_from_elsewhere(event):
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, words FROM main.shelves_author ORDER BY name")
            during.append(cursor.fetchall())

    Author.objects.update(words=5)
    replayed("shelves.Author")
    assert during == [[("bob", 5), ("eve", 5)]] * 3
    assert rows(Author) == [("bob", 7, 2), ("eve", 11, 1)]
    assert temporary_tables() == []


@on_disk
@pytest.mark.parametrize(
    "write",
    [
        lambda: User.objects.create(username="x"),
        lambda: Group.objects.update(name="x"),
        lambda: Group.objects.all().delete(),
        lambda: Taken.objects.create(shelf="a", row=1, by="x"),
        lambda: Taken.objects.bulk_create([Taken(shelf="a", row=1, by="x")]),
    ],
)
@pytest.mark.parametrize("caught", [False, True])
def test_on_a_replay_it_writes_to_nothing_but_its_models(declared, write, caught):
    given_some_events()
    Group.objects.create(name="staff")
    before = all_rows()

    @projector("shelves.Noted", reads="shelves.Author")
    def write_elsewhere(event):
        try:
            write()
        except Exception:
            if not caught:
                raise

    with pytest.raises(CommandError, match=r"write_elsewhere, the event shelves.Noted at position \d+: it wrote to"):
        replayed("shelves.Author")
    assert User.objects.count() == 0
    assert Group.objects.get().name == "staff"
    assert Taken.objects.count() == 1
    assert all_rows() == before
    assert temporary_tables() == []
    Noted.objects.bulk_create([])
    Group.objects.create(name="others")  # and the connection works on


@both
def test_one_that_fails_leaves_the_rows_and_says_at_which_event(declared, alias):
    given_some_events(alias)
    second = Noted.objects.using(alias).filter(author="eve").get()
    before = all_rows(alias)

    @projector("shelves.Noted", reads="shelves.Author")
    def fail(event):
        if event.author == "eve":
            raise ZeroDivisionError("eve")

    message = f"fail, the event shelves.Noted at position {second.position}: ZeroDivisionError: eve"
    with pytest.raises(CommandError, match=message) as raised:
        replayed("shelves.Author", database=alias)
    assert isinstance(raised.value.__cause__, ProjectionError)
    assert all_rows(alias) == before
    replayed("shelves.Word", database=alias)


@on_disk
def test_ctrl_c_leaves_the_rows(declared):
    given_some_events()
    Author.objects.update(words=5)
    before = all_rows()

    @projector("shelves.Noted", reads="shelves.Author")
    def interrupt(event):
        raise KeyboardInterrupt

    with pytest.raises(CommandError, match=r"shelves.Author: interrupted") as raised:
        replayed("shelves.Author")
    assert raised.value.returncode == 130
    assert all_rows() == before
    assert temporary_tables() == []


@pytest.mark.django_db
def test_a_corrupt_event_stops_it_and_says_where():
    given_some_events()
    last = Noted.objects.latest("position")
    corrupt(last, '{"author":"bob","words":"many"}')
    before = all_rows()
    with pytest.raises(CommandError, match=f"shelves.Noted at position {last.position}: .*many"):
        replayed("shelves.Author")
    assert all_rows() == before


@pytest.mark.django_db
def test_progress_is_told(monkeypatch):
    monkeypatch.setattr("eventfold.django.projector_replay._PAUSE", 0)
    given_some_events()
    told = []
    replay(Author, "default", progress=lambda done, total: told.append((done, total)))
    positions = list(Noted.objects.order_by("position").values_list("position", flat=True))
    assert told == [*((position, positions[-1]) for position in positions), (positions[-1], positions[-1])]


@override_settings(DEBUG=True)
@pytest.mark.django_db
def test_it_takes_the_event_or_the_alias_too_or_all_that_post_save_sends(declared):
    seen = []

    @projector("shelves.Noted", reads="shelves.Author")
    def of_event(event):
        seen.append(event.author)

    @projector("shelves.Noted", reads="shelves.Author")
    def of_event_and_alias(event, using):
        seen.append(using)

    @projector("shelves.Noted", reads="shelves.Author")
    def of_all(instance, created, raw, **kwargs):
        seen.append((created, raw, instance.author, sorted(kwargs)))

    Noted.objects.create(author="bob", words=1)
    live = list(seen)
    assert live == ["bob", "default", (True, False, "bob", ["sender", "signal", "update_fields", "using"])]
    seen.clear()
    replayed("shelves.Author")
    assert seen == live


def test_it_names_its_events():
    with pytest.raises(TypeError, match="takes event types"):
        projector(reads="shelves.Author")
    with pytest.raises(TypeError, match="not 7"):
        projector(7, reads="shelves.Author")(print)
