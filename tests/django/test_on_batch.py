"""@on_batch: a rule in Python that gets many events at once, and their rows."""

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from eventfold import ProjectionError
from eventfold.django import on, on_batch, wait_for
from eventfold.django.following.follower import Follower
from eventfold.django.following.turns import Step
from eventfold.django.handlers import Rows
from eventfold.django.read_models import Declaration
from eventfold.django.replay import replay
from tests.django.alerts.events import Closed, Hushed, Paged, Told
from tests.django.alerts.read_models import (
    AsyncStoryByBatch,
    Hour,
    PagedByBatch,
    StoryByBatch,
    StoryByEach,
    Tally,
    instead,
    poison,
)

both = pytest.mark.django_db(databases=["default", "memory"])
ALERTS = st.integers(1, 3)
EVENTS = st.one_of(
    st.builds(Told, alert=ALERTS, text=st.sampled_from(["a", "b", "ß"])),
    st.builds(Hushed, alert=ALERTS),
    st.builds(Closed, alert=ALERTS),
)


@pytest.fixture(autouse=True)
def the_usual_rules():
    poison.clear()
    instead.clear()
    yield
    poison.clear()
    instead.clear()


def rows(model, alias="default"):
    return sorted(model.objects.using(alias).values_list())


def record(events, alias="default"):
    """Record events of several classes in their order, those of one class in a row at once."""
    batch = []
    for event in [*events, None]:
        if batch and type(event) is not type(batch[0]):
            type(batch[0]).objects.using(alias).bulk_create(batch)
            batch = []
        batch.append(event)


class Programs(TestCase):
    @settings(max_examples=80, deadline=None)
    @given(st.lists(st.lists(EVENTS, max_size=12), max_size=4), st.integers(1, 5))
    def test_wherever_batches_end_the_rows_are_those_of_a_rule_for_each_event(self, program, size):
        for events in program:
            with transaction.atomic():
                record(events)
        expected = rows(StoryByEach)
        assert rows(StoryByBatch) == expected
        follower = Follower(AsyncStoryByBatch, "default")
        follower._pace.rows = size
        while follower.step(now=True) is Step.FOLDED:
            pass
        assert rows(AsyncStoryByBatch) == expected
        (replayed,) = replay(StoryByBatch, "default")
        assert (replayed.inserted, replayed.updated, replayed.deleted) == (0, 0, 0)


@both
def test_a_batch_may_have_more_events_than_are_given_at_once(alias):
    events = [Told(alert=n % 700, text="a") for n in range(5000)]
    Told.objects.using(alias).bulk_create(events)
    assert rows(StoryByBatch, alias) == rows(StoryByEach, alias)
    call_command("events", "replay", "alerts.AsyncStoryByBatch", database=alias, verbosity=0)
    assert rows(AsyncStoryByBatch, alias) == rows(StoryByEach, alias)


@both
def test_a_replay_gives_many_events_at_once_and_an_append_gives_its_own(alias):
    sizes = []
    instead.append(lambda rows, events: sizes.append((len(rows), [event.text for event in events])))
    for text in "ab":
        Told.objects.using(alias).create(alert=1, text=text)
    Told.objects.using(alias).bulk_create([Told(alert=n, text="c") for n in (1, 2)])
    assert sizes == [(1, ["a"]), (1, ["b"]), (2, ["c", "c"])]
    sizes.clear()
    call_command("events", "replay", "alerts.AsyncStoryByBatch", database=alias, verbosity=0)
    assert sizes == [(2, ["a", "b", "c", "c"])]


@both
def test_a_batch_ends_before_one_of_its_rows_is_deleted_and_no_other(alias):
    sizes = []
    instead.append(lambda rows, events: sizes.append([event.text for event in events]))
    record([Told(alert=1, text="a"), Closed(alert=2), Told(alert=2, text="b"), Closed(alert=1)], alias)
    record([Told(alert=1, text="c")], alias)
    sizes.clear()
    call_command("events", "replay", "alerts.AsyncStoryByBatch", database=alias, verbosity=0)
    assert sizes == [["a", "b"], ["c"]]


@both
def test_rows_are_found_by_several_keys_or_by_their_event(alias):
    Told.objects.using(alias).bulk_create([Told(alert=n % 2, text="a", minutes=n) for n in range(6)])
    Told.objects.using(alias).create(alert=1, text="a", minutes=10)
    totals = dict(Hour.objects.using(alias).values_list("alert", "minutes"))  # within one hour, or at its turn
    assert sum(Hour.objects.using(alias).values_list("minutes", flat=True)) == 25
    assert set(totals) == {0, 1}
    call_command("events", "replay", "alerts.Hour", database=alias, verbosity=0)
    assert sum(Hour.objects.using(alias).values_list("minutes", flat=True)) == 25


@both
def test_an_event_of_several_rows_comes_once_and_has_them_all(alias):
    for alerts, text in (([1, 2], "a"), ([2, 2, 3], "b"), ([], "c")):
        Paged.objects.using(alias).create(alerts=alerts, text=text)
    expected = [(1, 1, "a"), (2, 3, "abb"), (3, 1, "b")]
    assert rows(PagedByBatch, alias) == expected
    (replayed,) = replay(PagedByBatch, alias)
    assert (replayed.inserted, replayed.updated, replayed.deleted) == (0, 0, 0)
    row = PagedByBatch(alert=1)
    event = Paged(alerts=[1, 2], text="a")
    event.position = 7
    with pytest.raises(ValueError, match=r"the event at position 7 concerns 2 rows: use all_of\(\)"):
        Rows({}, {7: [row, row]}).of(event)


@both
def test_a_projection_without_a_key_has_one_row_and_its_types_may_be_a_pattern(alias):
    Told.objects.using(alias).bulk_create([Told(alert=n, text="a", minutes=n) for n in range(5)])
    Closed.objects.using(alias).create(alert=1)
    wait_for(Told.objects.using(alias).create(alert=1, text="a", minutes=7).position, Tally, using=alias)
    assert [row.minutes for row in Tally.objects.using(alias).all()] == [17]
    (replayed,) = replay(Tally, alias)
    assert (replayed.inserted, replayed.updated, replayed.deleted) == (0, 0, 0)


def fails(alias, method, message):
    """With another method, an append is refused, and leaves nothing behind."""
    instead.append(method)
    with pytest.raises(ProjectionError, match=message):
        Told.objects.using(alias).create(alert=1, text="a")
    assert not Told.objects.using(alias).exists() and rows(StoryByBatch, alias) == []


@both
def test_a_column_that_an_operation_fills_cannot_be_read(alias):
    def method(rows, events):
        for event in events:
            rows[event.alert].score = rows[event.alert].times

    fails(
        alias, method, r"alerts\.StoryByBatch: times cannot be read in an @on_batch method, since an operation fills it"
    )


@both
def test_nor_can_it_be_set(alias):
    def method(rows, events):
        for event in events:
            rows[event.alert].times = 7

    fails(alias, method, r"alerts\.StoryByBatch: an @on_batch method has set times, which an operation fills")


@both
def test_what_a_method_raises_undoes_an_append_and_on_a_replay_says_between_which_positions(alias):
    first = Told.objects.using(alias).create(alert=1, text="a")
    last = Told.objects.using(alias).create(alert=2, text="x")
    poison.add("x")
    with pytest.raises(ValueError, match="cannot read x"):
        Told.objects.using(alias).create(alert=1, text="x")
    assert Told.objects.using(alias).count() == 2
    message = f"one of the 2 events from position {first.position} to {last.position}: ValueError: cannot read x"
    with pytest.raises(ProjectionError, match=rf"alerts\.StoryByBatch, {message}"):
        replay(StoryByBatch, alias)


@both
def test_a_follower_finds_out_which_event_of_a_batch_it_is(alias):
    Told.objects.using(alias).bulk_create([Told(alert=n, text="x" if n == 7 else "a") for n in range(20)])
    poison.add("x")
    bad = Told.objects.using(alias).get(text="x")
    follower = Follower(AsyncStoryByBatch, alias, retries=1)
    while (step := follower.step(now=True)) is Step.FOLDED:
        pass
    assert step is Step.STOPPED and follower.position == bad.position - 1
    assert f"the event alerts.Told at position {bad.position}: ValueError: cannot read x" in follower.failure(step)
    assert len(rows(AsyncStoryByBatch, alias)) == 7


@both
def test_it_cannot_append(alias):
    def method(rows, events):
        Closed.objects.using(alias).create(alert=1)

    fails(alias, method, "An @on method may not append events")


def test_there_is_one_such_method_in_a_projection_and_no_other_beside_it():
    def method(rows, events): ...

    for other in (on(Told)(lambda row, event: None), on_batch(Hushed)(lambda rows, events: None)):
        projection = type("Projection", (), {"key": "alert", "one": on_batch(Told)(method), "two": other})
        with pytest.raises(TypeError, match=r"Story\.Projection has @on_batch and another method beside it"):
            Declaration.read("Story", projection)


@pytest.mark.parametrize("events", [(), (7,)])
def test_it_takes_event_types(events):
    with pytest.raises(TypeError, match=r"on_batch\(\) takes event types, as in @on_batch\(BookReturned\)"):
        on_batch(*events)


@pytest.mark.django_db
def test_explain_says_so(capsys):
    call_command("events", "explain", "alerts.StoryByBatch")
    said = capsys.readouterr().out
    assert "Run in Python, with many events at once, where it may set the columns that no operation fills:\n" in said
    assert "  tell_all, for each alerts.Told or alerts.Hushed\n" in said
