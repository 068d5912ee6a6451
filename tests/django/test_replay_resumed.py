"""A replay that did not come to its end is gone on with where it had saved what it had."""

import io
import re
from functools import partial

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from eventfold.django import Count, registry
from eventfold.django.gate import native
from eventfold.django.projector_replay import ProjectorReplay
from eventfold.django.projectors import kept_together
from eventfold.django.replay import NativeReplay, is_projected, replay
from eventfold.django.saved_replays import Saving
from eventfold.django.test_databases import empty_log
from eventfold.errors import CorruptLog
from tests.django.shelves.events import Cleared, Noted, Stored, Taken
from tests.django.shelves.helpers import by_hand, corrupt, given_some_events, replayed, rows
from tests.django.shelves.read_models import Author, Clearing, Diary, Longest, Place, Word

both = pytest.mark.django_db(databases=["default", "memory"], transaction=True)
on_disk = pytest.mark.django_db(transaction=True)
each_kind = pytest.mark.parametrize("model", [Place, Diary, Author, Word])
two_kinds = pytest.mark.parametrize("model", [Diary, Author])  # by a Projection and by a projector


@pytest.fixture
def many():
    """Enough events that a replay which reads few at a time stops in between."""
    given_some_events()
    Stored.objects.bulk_create(
        Stored(shelf=str(n % 7), row=n % 3, title=f"t{n}", weight="0.10", length=n / 7, tags=[n]) for n in range(300)
    )
    Taken.objects.bulk_create(Taken(shelf=str(n % 7), row=n % 3, by=f"p{n}") for n in range(0, 300, 7))
    for n in range(120):
        Noted.objects.create(author=f"a{n % 5}", words=n)
    Stored.objects.bulk_create(Stored(shelf=str(n % 9), row=n % 2, title=f"u{n}") for n in range(100))


def die(*models, using="default"):
    """Let a replay save what it has when it has read the better part of the log, and never write."""
    positions = sorted(Stored.objects.using(using).values_list("position", flat=True))
    middle = positions[len(positions) // 2]
    for model in models:
        saving = Saving(0)
        if is_projected(model):
            batch = middle * 16 if model.projection.handlers else middle
            scan = NativeReplay(model, connections[using], 1, batch=batch, saving=saving).scan
            native(connections[using], "eventfold: replay", scan)
        else:
            labels, projectors = kept_together(model._meta.label)
            kept = [each for each in (Author, Longest, Word) if each._meta.label in labels]
            with ProjectorReplay(kept, projectors, connections[using], None, 20, saving) as replaying:
                replaying.scan()


def saved(using="default", parts=True):
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT name, position FROM eventfold_replay")
        positions = dict(cursor.fetchall())
        cursor.execute("SELECT DISTINCT name FROM eventfold_replay_part")
        assert not parts or {name for (name,) in cursor.fetchall()} == positions.keys()
    return positions


def lose_what_was_first():
    """Damage the first events as a disk might: only a replay that does not read them can come to its end."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'eventfold_event_changed'")
        ((trigger,),) = cursor.fetchall()
        cursor.execute("DROP TRIGGER eventfold_event_changed")
        for event in (Stored, Noted):
            corrupt(event.objects.order_by("position").first(), "{")
        cursor.execute(trigger)


def run(*labels, **options):
    stream = io.StringIO()
    call_command("events", "replay", *labels, stdout=stream, **options)
    return stream.getvalue()


@on_disk
@each_kind
@pytest.mark.parametrize("threads", [1, 2])
def test_it_says_where_it_resumes_and_comes_to_the_rows_of_one_in_one_go(many, model, threads):
    right = rows(model)
    die(model)
    (position,) = saved().values()
    by_hand(model).all().delete()
    lose_what_was_first()
    shown = run(model._meta.label, threads=threads)
    assert re.search(rf"{model._meta.label}: resumes at position {position:,}\n", shown)
    assert rows(model) == right
    assert saved() == {}
    head = Stored.objects.latest("position").position
    assert re.search(rf": {head - position:,} events in .* rows, of which {len(right):,} are new", shown)
    with pytest.raises(CommandError):  # what was saved is gone
        run(model._meta.label)


@on_disk
@two_kinds
def test_what_came_since_is_folded_too(many, model):
    die(model)
    given_some_events()
    right = rows(model)
    by_hand(model).all().delete()
    assert "resumes" in run(model._meta.label)
    assert rows(model) == right


@on_disk
@two_kinds
def test_restart_begins_with_the_first_event(many, model):
    die(model)
    lose_what_was_first()
    with pytest.raises(CommandError, match="at position"):
        run(model._meta.label, restart=True)
    assert saved() == {}


@on_disk
def test_several_that_are_read_for_together_resume_each_where_it_was(many):
    right = {model: rows(model) for model in (Place, Clearing)}
    die(Place, Clearing)
    positions = saved()
    for model in right:
        by_hand(model).all().delete()
    lose_what_was_first()
    lines = run("shelves.Place", "shelves.Clearing").splitlines()
    assert [line for line in lines if "resumes" in line] == [
        f"{label}: resumes at position {positions[label]:,}" for label in ("shelves.Place", "shelves.Clearing")
    ]
    assert {model: rows(model) for model in right} == right
    assert saved() == {}


@on_disk
def test_one_of_them_that_begins_anew_lets_the_other_resume(many):
    right = {model: rows(model) for model in (Place, Clearing)}
    die(Place)
    for model in right:
        by_hand(model).all().delete()
    shown = run("shelves.Place", "shelves.Clearing")
    assert "shelves.Place: resumes" in shown
    assert "shelves.Clearing: resumes" not in shown
    assert {model: rows(model) for model in right} == right


@on_disk
def test_a_changed_projection_begins_with_the_first_event(many, monkeypatch):
    die(Clearing)
    right = rows(Clearing)
    registry.forget()
    monkeypatch.setitem(Clearing.projection.operations, "times", Count(Cleared, Taken))
    try:
        assert "resumes" not in run("shelves.Clearing")
        assert rows(Clearing) != right
    finally:
        monkeypatch.undo()
        registry.forget()
    assert saved() == {}


@on_disk
def test_what_migrations_know_of_a_field_is_part_of_it(many):
    die(Place)
    with connections["default"].cursor() as cursor:
        cursor.execute("UPDATE eventfold_type SET fields = json_set(fields, '$.title', json('[\"name\"]'))")
    registry.forget()
    assert "resumes" not in run("shelves.Place")
    registry.forget()


@on_disk
@two_kinds
def test_an_event_that_was_changed_in_the_log_is_folded_anew(many, model):
    die(model)
    (position,) = saved().values()
    corrupt(Stored.objects.filter(position__gt=position).first(), '{"shelf":"a","row":1,"title":"x"}')
    assert saved(parts=False)
    first = (Noted if model is Author else Stored).objects.first()
    corrupt(first, '{"author":"corrected","words":99}' if model is Author else '{"shelf":"corrected","title":"x"}')
    assert saved(parts=False) == {}
    assert "resumes" not in run(model._meta.label)
    assert "corrected" in [row[0] for row in rows(model)]
    assert saved() == {}


@on_disk
@two_kinds
def test_a_log_that_was_emptied_leaves_nothing_of_it(many, model):
    die(model)
    assert saved()
    empty_log(connections["default"])
    assert saved() == {}
    given_some_events()
    assert "resumes" not in run(model._meta.label)


@on_disk
@two_kinds
def test_a_replay_that_fails_or_is_interrupted_leaves_what_it_saved(many, model):
    die(model)
    before = saved()
    given_some_events()
    for event in (Stored, Noted):
        corrupt(event.objects.order_by("position").last(), "{")
    with pytest.raises(CorruptLog):
        replay(model, "default")
    assert saved() == before


@pytest.mark.django_db(databases=["default", "memory"])
@each_kind
def test_within_a_transaction_nothing_is_saved_and_all_works(alias, model):
    given_some_events(alias)
    right = rows(model, alias)
    by_hand(model, alias).all().delete()
    with transaction.atomic(using=alias):
        replayed(model._meta.label, database=alias, save_every=0, batch=1)
    assert rows(model, alias) == right
    assert saved(alias) == {}


@pytest.mark.django_db(databases=["default", "memory"], transaction=True)
@each_kind
def test_a_database_in_memory_needs_none_of_it(model):
    given_some_events("memory")
    right = rows(model, "memory")
    by_hand(model, "memory").all().delete()
    die(model, using="memory")
    assert saved("memory") == {}
    replayed(model._meta.label, database="memory", save_every=0, batch=1)
    assert rows(model, "memory") == right


@on_disk
def test_others_do_not_see_what_is_saved(many):
    ask = partial(call_command, "events")

    def asked():
        answers = []
        for words in (["status"], ["explain", "shelves.Place"], ["verify", "shelves.Place", "shelves.Author"]):
            stream = io.StringIO()
            ask(*words, stdout=stream)
            answers.append(re.sub(r"[\d,.]+ (s|MB|kB|bytes)\b", "", stream.getvalue()))
        return answers

    before = asked()
    die(Place, Author)
    assert asked() == before
    assert set(saved()) == {"shelves.Place", "shelves.Author"}


@on_disk
def test_a_replay_of_some_rows_and_a_dry_run_leave_what_is_saved(many):
    die(Place)
    before = saved()
    run("shelves.Place", keys=["a,1"])
    assert "resumes" not in run("shelves.Place", dry_run=True)
    assert saved() == before


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_how_often_it_is_saved_must_make_sense(seconds):
    with pytest.raises(CommandError, match="--save-every must not be negative"):
        run(save_every=seconds)
