"""Whatever events are poison, and whenever they are mended: no row is folded out of order, and none is lost."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from eventfold.django.following.follower import Follower
from eventfold.django.following.letters import read_letters
from eventfold.django.following.turns import Step
from tests.django.alerts.events import Rang, Silenced
from tests.django.alerts.read_models import SkippingAlert, note, poison

ALERTS = st.integers(1, 3)
TEXTS = st.sampled_from("abcxyz")
STEPS = st.one_of(
    st.builds(Rang, alert=ALERTS, text=TEXTS),
    st.builds(Silenced, alert=ALERTS),
    st.just("follow"),
    st.just("retry"),
    st.tuples(st.just("mend"), st.sampled_from("xyz")),
)


@pytest.fixture(autouse=True)
def nothing_poisoned():
    yield
    poison.clear()


def expected(events):
    """The rows in plain Python; of a row that an event fails for, what it was before."""
    rows, failed = {}, set()
    for event in events:
        if event.alert in failed:
            continue
        if isinstance(event, Silenced):
            rows.pop(event.alert, None)
            continue
        row = rows.get(event.alert) or SkippingAlert(alert=event.alert)
        before = row.texts
        try:
            note(row, event)
        except ValueError:
            failed.add(event.alert)
            row.texts = before
            continue
        row.rang += 1
        rows[event.alert] = row
    return sorted((row.alert, row.rang, row.texts) for row in rows.values())


def follow():
    follower = Follower(SkippingAlert, "default")
    follower._pace.rows = 3
    while follower.step(now=True) is Step.FOLDED:
        pass


def retry():
    try:
        call_command("events", "letters", "retry", "--all", stdout=StringIO(), stderr=StringIO())
    except CommandError as error:
        assert "Not every letter could be taken" in str(error)


class Programs(TestCase):
    @settings(max_examples=100, deadline=None)
    @given(st.lists(STEPS, max_size=25))
    def test_the_rows_are_those_up_to_the_first_event_of_each_that_fails(self, program):
        poison.clear()
        poison.update("xyz")
        events = []
        for step in program:
            if step == "follow":
                follow()
            elif step == "retry":
                retry()
            elif isinstance(step, tuple):
                poison.discard(step[1])
            else:
                step.save()
                events.append(step)
        follow()
        retry()
        assert rows() == expected(events)
        poison.clear()
        retry()
        assert rows() == expected(events)
        assert read_letters(connection, "alerts.SkippingAlert") == []


def rows():
    return sorted(SkippingAlert.objects.values_list())


@pytest.mark.django_db
def test_the_comparison_is_not_blind():
    poison.update("xyz")
    events = [Rang(alert=1, text="a"), Rang(alert=1, text="x"), Silenced(alert=1), Rang(alert=2, text="b")]
    for event in events:
        event.save()
    follow()
    assert rows() == expected(events) == [(1, 1, "a"), (2, 1, "b")]
    assert len(read_letters(connection, "alerts.SkippingAlert")) == 2
