"""Whatever is appended, rolled back or fails, the rows are those that follow from the events that stayed."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.django.savepoints import run_atomic
from tests.django.shelves.events import Cleared, Noted, Stored, Taken
from tests.django.shelves.helpers import all_rows, replayed
from tests.django.shelves.read_models import Author, Clearing, Diary, Place

SHELVES = st.sampled_from(["a", "b", "ß"])
ROWS = st.integers(0, 2)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5)
EVENTS = st.one_of(
    st.builds(
        Stored,
        shelf=SHELVES,
        row=ROWS,
        title=TEXT,
        weight=st.none() | st.decimals(-99, 99, places=2),
        length=st.none() | st.floats(-1e6, 1e6),
    ),
    st.builds(Taken, shelf=SHELVES, row=ROWS, by=TEXT),
    st.builds(Cleared, shelf=SHELVES, row=ROWS),
    st.builds(Noted, author=SHELVES, words=st.integers(0, 9)),
)
# An event, several at once, or a block that is kept or rolled back.
STEPS = st.recursive(
    EVENTS | st.lists(st.builds(Taken, shelf=SHELVES, row=ROWS, by=TEXT), max_size=3),
    lambda steps: st.tuples(st.booleans(), st.lists(steps, max_size=4)),
    max_leaves=12,
)


def run(step):
    """Run a step of a program; return the events that stay."""
    if isinstance(step, list):
        return Taken.objects.bulk_create(step)
    if not isinstance(step, tuple):
        step.save()
        return [step]
    return run_atomic(*step, run)


def expected(events):
    """Fold the events in plain Python."""
    places, stories, clearings = {}, defaultdict(str), {}
    authors = defaultdict(lambda: (0, 0))
    stored_on = defaultdict(int)
    for event in events:
        if isinstance(event, Noted):
            words, notes = authors[event.author]
            authors[event.author] = (words + event.words, notes + 1)
            continue
        key = event.shelf, event.row
        if isinstance(event, Cleared):
            places.pop(key, None)
            clearings[event.shelf] = (clearings.get(event.shelf, (0,))[0] + 1, event.row, event.position)
            continue
        place = places.setdefault(
            key,
            {"stored": 0, "taken": 0, "first_title": None, "title": None, "taken_by": None, "weight": 0, "length": 0.0},
        )
        if isinstance(event, Stored):
            stored_on[event.shelf] += 1
            stories[event.shelf] += f"{stored_on[event.shelf]}:{event.title} "
            place.update(stored=place["stored"] + 1, title=event.title, taken_by=None)
            if place["first_title"] is None:
                place["first_title"] = event.title
            place["weight"] += event.weight or 0
            place["length"] += event.length or 0.0
        else:
            stories[event.shelf] += f"taken by {event.by} "
            place.update(taken=place["taken"] + 1, taken_by=event.by, title=None)
    return places, dict(stories), clearings, dict(authors)


def found():
    names = ("stored", "taken", "first_title", "title", "taken_by", "weight", "length")
    return (
        {(place.shelf, place.row): {name: getattr(place, name) for name in names} for place in Place.objects.all()},
        dict(Diary.objects.values_list("shelf", "story")),
        {each.shelf: (each.times, each.row, each.last_event) for each in Clearing.objects.all()},
        {each.name: (each.words, each.notes) for each in Author.objects.all()},
    )


class Programs(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(STEPS, max_size=10))
    def test_rows_follow_from_the_events_that_stayed_and_a_replay_changes_nothing(self, program):
        events = [event for step in program for event in run(step)]
        lived = found()
        assert lived == expected(events)
        before = all_rows()
        replayed()
        assert all_rows() == before


@pytest.mark.django_db
def test_the_oracle_is_not_blind():
    event = Stored.objects.create(shelf="a", row=1, title="One")
    assert found() == expected([event])
    assert found() != expected([event, event])
