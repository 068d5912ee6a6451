"""Whatever is recorded, by whom and in what order: inline, async and live read models have the same rows."""

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from eventfold import EventLog
from eventfold.django.connection import database_of
from eventfold.django.following.follower import Follower
from eventfold.django.following.turns import Step
from tests.django.sales.events import Returned, Sold, Visited, Withdrawn
from tests.django.sales.models import Shop
from tests.django.sales.read_models import AsyncItem, AsyncShop, InlineItem, InlineShop, LiveItem, LiveShop
from tests.django.savepoints import run_atomic

ITEMS = st.integers(0, 2)
BUYERS = st.sampled_from(["ann", "bob", "ß"])
PRICES = st.none() | st.decimals(-99, 99, places=2)
EVENTS = st.one_of(
    st.builds(Sold, item=ITEMS, buyer=BUYERS, price=PRICES),
    st.builds(Returned, item=ITEMS),
    st.builds(Withdrawn, item=ITEMS),
    st.builds(Visited, page=BUYERS),
)
BY_PROGRAMS = st.tuples(
    st.sampled_from(["sales.Sold", "sales.Returned", "sales.Withdrawn"]),
    st.fixed_dictionaries({"item": ITEMS, "buyer": BUYERS, "price": st.none() | st.sampled_from(["1.10", "-3.00"])}),
)
KEYS = st.integers(1, 3)
SQL = st.one_of(
    st.tuples(st.just("INSERT OR REPLACE INTO sales_shop (id, name) VALUES (?, ?)"), st.tuples(KEYS, BUYERS)),
    st.tuples(st.just("UPDATE sales_shop SET name = ? WHERE id >= ?"), st.tuples(BUYERS, KEYS)),
    st.tuples(st.just("DELETE FROM sales_shop WHERE id = ?"), st.tuples(KEYS)),
)
# An event; some at once; what another program does; a batch or all that a follower does; a look at what is live, which
# must be as if it had been kept; a block, kept or rolled back.
STEPS = st.recursive(
    EVENTS
    | st.lists(st.builds(Sold, item=ITEMS, buyer=BUYERS, price=PRICES), max_size=5)
    | st.tuples(st.just("program"), BY_PROGRAMS)
    | st.tuples(st.just("sql"), SQL)
    | st.tuples(st.just("raw sql"), SQL)
    | st.tuples(st.just("follow"), st.integers(1, 3))
    | st.just(("look", None)),
    lambda steps: st.tuples(st.booleans(), st.lists(steps, max_size=5)),
    max_leaves=20,
)


def run(step):
    if isinstance(step, list):
        Sold.objects.bulk_create(step)
    elif not isinstance(step, tuple):
        step.save()
    elif isinstance(step[0], bool):
        run_atomic(*step, run)
    elif step[0] == "follow":
        for follower in followers():
            for _ in range(step[1]):
                follower.step()
    elif step[0] == "look":
        rows(LiveItem)
        assert rows(LiveShop) is not None
    elif step[0] == "program":
        EventLog.on(database_of(connection)).append(*step[1])
    elif step[0] == "sql":
        with connection.cursor() as cursor:
            cursor.execute(step[1][0].replace("?", "%s"), step[1][1])
    else:
        connection.connection.execute(*step[1])


def followers():
    return [Follower(model, "default", "a test 1 x") for model in (AsyncItem, AsyncShop)]


def rows(model):
    return sorted(model.objects.values_list())


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr("eventfold.django.tracking.pace._FIRST", 2)
    monkeypatch.setattr("eventfold.django.following.follower._FIRST_HANDLED", 2)


class Programs(TestCase):
    @settings(max_examples=80, deadline=None)
    @given(st.lists(STEPS, max_size=10))
    def test_the_rows_are_the_same(self, program):
        for step in program:
            run(step)
        Visited.objects.create(page="/")  # whatever programs recorded is folded inline by now
        for follower in followers():
            while follower.step(now=True) is Step.FOLDED:
                pass
        assert rows(AsyncItem) == rows(InlineItem) == rows(LiveItem)
        assert rows(AsyncShop) == rows(InlineShop) == rows(LiveShop)
        assert sorted(Shop.objects.values_list()) == [row[:2] for row in rows(InlineShop)]


@pytest.mark.django_db
def test_the_comparison_is_not_blind():
    Sold.objects.create(item=1, buyer="ann")
    Shop.objects.create(name="a")
    assert rows(AsyncItem) != rows(InlineItem)
    assert rows(AsyncShop) != rows(InlineShop)
