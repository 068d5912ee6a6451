"""Columns that count different values: the same number by appends, a follower, a query, a replay and plain Python."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, models, transaction
from django.db.models.functions import TruncDate
from django.test.utils import isolate_apps
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from eventfold import EventLog
from eventfold.django import Count, CountDistinct, ReadModel, drift
from eventfold.django.connection import database_of
from eventfold.django.following.follower import Follower
from eventfold.django.following.turns import Step
from eventfold.django.partial_replay import replay_rows
from tests.django.lending.events import Counted, Lent, Scrapped, Sold
from tests.django.lending.read_models import AsyncReaders, Branch, InlineReaders, LiveReaders
from tests.django.savepoints import run_atomic
from tests.django.shelves.helpers import replayed

both = pytest.mark.django_db(databases=["default", "memory"])
BOOKS = st.integers(0, 1)
BRANCHES = st.sampled_from(["a", "b"])
PEOPLE = st.sampled_from(["ann", "bob", "staff ann", "ß"])
FEES = st.sampled_from([None, Decimal("1"), Decimal("1.00"), Decimal("1.50")])
LOANS = st.builds(Lent, book=BOOKS, branch=BRANCHES, member=PEOPLE | st.none(), fee=FEES)
EVENTS = st.one_of(
    LOANS,
    LOANS,
    LOANS,
    st.builds(Sold, book=BOOKS, branch=BRANCHES, buyer=PEOPLE),
    st.builds(Counted, book=BOOKS, branch=BRANCHES),
    st.builds(Scrapped, book=BOOKS, branch=BRANCHES),
)
STEPS = st.recursive(
    EVENTS
    | st.lists(LOANS, min_size=1, max_size=5)
    | st.tuples(st.just("program"), LOANS)
    | st.tuples(st.just("follow"), st.integers(1, 3))
    | st.just(("look", None)),
    lambda steps: st.tuples(st.booleans(), st.lists(steps, max_size=5)),
    max_leaves=20,
)


def run(step: Any) -> list[Any]:
    """Do it, and return what was recorded."""
    if isinstance(step, list):
        return list(Lent.objects.bulk_create(step))
    if not isinstance(step, tuple):
        step.save()
        return [step]
    if isinstance(step[0], bool):
        return run_atomic(*step, run)
    if step[0] == "program":
        event = step[1]
        fee = None if event.fee is None else str(event.fee)
        data = {"book": event.book, "branch": event.branch, "member": event.member, "fee": fee}
        EventLog.on(database_of(connection)).append("lending.Lent", data)
        return [event]
    if step[0] == "follow":
        follower = Follower(AsyncReaders, "default", "a test 1 x")
        for _ in range(step[1]):
            follower.step()
    else:
        assert LiveReaders.objects.count() >= 0
    return []


def expected(events: list[Any]) -> dict[Any, Any]:
    """The rows, from sets."""
    rows: dict[Any, Any] = {}
    for event in events:
        key = event.book, event.branch
        if isinstance(event, Scrapped):
            rows.pop(key, None)
        elif isinstance(event, Counted):
            if key in rows:
                rows[key]["members"] = set()
        else:
            row = rows.setdefault(key, {"loans": 0, "people": set(), "members": set(), "fees": set(), "days": set()})
            row["people"].add(event.buyer if isinstance(event, Sold) else event.member)
            if isinstance(event, Lent):
                row["loans"] += 1
                row["fees"].add(event.fee)
                row["days"].add("today")
                if not (event.member or "").startswith("staff"):
                    row["members"].add(event.member)
    return {
        key: (row["loans"], *map(number, ("people", "members", "fees", "days"), [row] * 4)) for key, row in rows.items()
    }


def number(name: str, row: Any) -> int | None:
    size = len(row[name] - {None})
    return None if name == "fees" and not size else size


def rows(model: Any, using: str = "default") -> dict[Any, Any]:
    found = model.objects.using(using).values_list("book", "branch", "loans", "people", "members", "fees", "days")
    return {tuple(row[:2]): tuple(row[2:]) for row in found}


def kept(model: Any, using: str = "default") -> list[Any]:
    """What is kept beside the rows of a read model in the file."""
    sql = "SELECT key, column_name, value FROM main.eventfold_distinct WHERE name = ? ORDER BY 1, 2, 3"
    return connections[using].connection.execute(sql, [model._meta.label]).fetchall()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr("eventfold.django.tracking.pace._FIRST", 2)
    monkeypatch.setattr("eventfold.django.following.follower._FIRST_HANDLED", 2)


class Programs(TestCase):
    @settings(max_examples=50, deadline=None)
    @given(st.lists(STEPS, max_size=10))
    def test_the_rows_are_the_same_in_each_lifecycle_and_those_of_plain_python(self, program: list[Any]) -> None:
        events = [event for step in program for event in run(step)]
        events += run(Scrapped(book=9, branch="a"))  # whatever programs recorded is folded inline by now
        follower = Follower(AsyncReaders, "default", "a test 1 x")
        while follower.step(now=True) is Step.FOLDED:
            pass
        wanted = expected(events)
        assert rows(InlineReaders) == wanted
        assert rows(AsyncReaders) == wanted
        assert rows(LiveReaders) == wanted
        assert kept(InlineReaders) == kept(AsyncReaders)
        assert kept(LiveReaders) == []
        for model in (InlineReaders, AsyncReaders):
            (verified,) = drift.verify(model, "default")
            assert verified.count == 0
            before = kept(model)
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {model._meta.db_table}")
                cursor.execute("DELETE FROM eventfold_distinct WHERE name = %s", [model._meta.label])
            replayed(model._meta.label)
            assert rows(model) == wanted and kept(model) == before


def lend(*members: Any, book: int = 1, branch: str = "a", using: str = "default") -> None:
    Lent.objects.using(using).bulk_create([Lent(book=book, branch=branch, member=member) for member in members])


@both
def test_a_member_counts_once_in_a_row_and_null_does_not(alias):
    lend("ann", "bob", None, using=alias)
    lend("ann", "eve", using=alias)
    lend("ann", branch="b", using=alias)
    assert rows(InlineReaders, alias) == rows(LiveReaders, alias)
    assert dict(Branch.objects.using(alias).values_list("branch", "people")) == {"a": 3, "b": 1}
    assert [value for _, _, value in kept(Branch, alias)] == ["ann", "bob", "eve", "ann"]


@pytest.mark.django_db
def test_a_rollback_takes_back_the_number_and_the_values():
    lend("ann")
    with transaction.atomic():
        lend("bob")
        transaction.set_rollback(True)
    assert Branch.objects.get().people == 1
    lend("bob")
    assert Branch.objects.get().people == 2


@pytest.mark.django_db
def test_a_value_that_was_taken_away_or_put_there_by_hand_is_drift_and_mended():
    lend("ann", "bob")
    lend("eve", branch="b")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventfold_distinct WHERE name = 'lending.Branch' AND value = 'bob'")
        cursor.execute("INSERT INTO eventfold_distinct VALUES ('lending.Branch', 'a', 'people', 'nobody')")
        cursor.execute("INSERT INTO eventfold_distinct VALUES ('lending.Branch', 'c', 'people', 'eve')")
    out = StringIO()
    with pytest.raises(CommandError, match="differ in 2 rows"):
        call_command("events", "verify", "lending.Branch", stdout=out)
    said = out.getvalue().splitlines()
    assert "lending.Branch a: the values that people counts: 1 is not kept and 1 is kept that no event said" in said
    assert "lending.Branch c: only in the table or beside it; no such row follows from the log" in said
    call_command("events", "verify", "lending.Branch", "--repair", stdout=StringIO())
    assert [value for _, _, value in kept(Branch)] == ["ann", "bob", "eve"]
    assert [each.count for each in drift.verify(Branch, "default")] == [0]


@pytest.mark.django_db
def test_a_dry_run_says_which_rows_would_be_written_for_what_is_beside_them():
    lend("ann")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventfold_distinct WHERE name = 'lending.Branch'")
    out = StringIO()
    call_command("events", "replay", "lending.Branch", "--dry-run", stdout=out)
    assert "lending.Branch a: the values that people counts: 1 is not kept" in out.getvalue()
    assert "0 rows would be new, 1 changed; 0 removed" in out.getvalue()


@pytest.mark.django_db
def test_rows_of_some_keys_are_replayed_with_their_values():
    lend("ann", "bob")
    lend("eve", branch="b")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventfold_distinct WHERE name = 'lending.Branch'")
    done = replay_rows(Branch, "default", [("a",)])
    assert (done.inserted, done.updated, done.deleted) == (0, 1, 0)
    assert [value for _, _, value in kept(Branch)] == ["ann", "bob"]


@pytest.mark.django_db
def test_rows_that_were_deleted_come_back_with_their_values():
    lend("ann", "bob")
    Branch.objects.all().delete()
    replayed("lending.Branch")
    assert Branch.objects.get().people == 2
    lend("bob")
    assert Branch.objects.get().people == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_kept_is_gone_when_the_log_is_emptied():
    lend("ann")
    call_command("flush", interactive=False, verbosity=0)
    assert kept(Branch) == []
    lend("ann")
    assert Branch.objects.get().people == 1


@pytest.mark.django_db
def test_explain_says_what_is_counted_and_where_the_values_are():
    said = StringIO()
    call_command("events", "explain", "lending.InlineReaders", "lending.LiveReaders", stdout=said)
    lines = [line.strip() for line in said.getvalue().splitlines()]
    assert any(
        line.endswith("number of different values of member of lending.Lent or buyer of lending.Sold; begins as 0")
        for line in lines
    )
    counting = "the values that people, members, fees and days count"
    assert f"Kept beside the rows, in the table eventfold_distinct: {counting}" in lines
    assert f"Kept beside the rows, in a temporary table: {counting}" in lines
    assert "Replayed on several threads: ranges of the log are folded apart, and joined" in lines


def test_djangos_word_is_the_same_operation():
    assert Count(Lent, "member", distinct=True) == CountDistinct(Lent, "member")
    with pytest.raises(TypeError, match="CountDistinct takes an event type and a field"):
        Count(Lent, distinct=True)


@pytest.mark.parametrize(
    ("field", "operation", "said"),
    [
        (
            models.TextField(default=""),
            CountDistinct(Lent, "member"),
            "counts different values into 'found', no integer",
        ),
        (models.IntegerField(default=0), CountDistinct(Lent, "pages"), "lending.Lent has no field 'pages'"),
        (models.IntegerField(default=0), CountDistinct("ratings.Rated", "tags"), "of the kind json"),
    ],
)
def test_a_declaration_that_cannot_be_is_an_error_of_check(field, operation, said):
    attributes = {
        "book": models.BigIntegerField(primary_key=True),
        "found": field,
        "Projection": type("Projection", (), {"key": "book", "found": operation}),
        "Meta": type("Meta", (), {"app_label": "lending"}),
        "__module__": "tests.django.lending",
    }
    with isolate_apps("tests.django.lending"):
        model = type("Shown", (ReadModel,), attributes)
    (message,) = [each for each in model.check() if each.id.startswith("eventfold")]
    assert message.id == "eventfold.E203" and said in message.msg and message.hint


def test_a_span_of_time_is_a_value():
    assert CountDistinct(Lent, TruncDate("created")).sources[0][1] == TruncDate("created")
