"""Keys and values out of another read model, as it was before each event: the same in every lifecycle."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.db.models import F
from django.test.utils import isolate_apps
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from eventfold import EventLog, ProjectionError
from eventfold.django import ArrayAgg, Count, Latest, Lookup, Max, ReadModel, drift, on
from eventfold.django.connection import database_of
from eventfold.django.following.follower import Follower
from eventfold.django.following.turns import Step
from eventfold.django.partial_replay import NotInPart, replay_rows
from eventfold.django.registry import compile_model, forget
from eventfold.django.replay import replay
from tests.django.lending.events import Joined, Left, Lent, Moved, Sold
from tests.django.lending.read_models import AsyncCity, InlineCity, LiveCity, LoanList, Member
from tests.django.savepoints import run_atomic
from tests.django.shelves.helpers import replayed

both = pytest.mark.django_db(databases=["default", "memory"])
MEMBERS = st.sampled_from(["ann", "bob", "eve"])
CITIES = st.sampled_from(["a", "b", None])
FEES = st.sampled_from([None, Decimal("0.10"), Decimal("0.20"), Decimal("-1.00")])
LOANS = st.builds(Lent, book=st.integers(0, 1), branch=st.just("x"), member=MEMBERS | st.none())
EVENTS = st.one_of(
    LOANS,
    LOANS,
    st.builds(Sold, book=st.integers(0, 1), branch=st.just("x"), buyer=MEMBERS),
    st.builds(Joined, member=MEMBERS, city=st.sampled_from(["a", "b"])),
    st.builds(Moved, member=MEMBERS, city=CITIES, fee=FEES),
    st.builds(Moved, member=MEMBERS, city=CITIES, fee=FEES),
    st.builds(Left, member=MEMBERS),
)
STEPS = st.recursive(
    EVENTS
    | st.lists(LOANS, min_size=1, max_size=5)
    | st.tuples(st.just("program"), st.lists(st.tuples(MEMBERS, CITIES), min_size=1, max_size=3))
    | st.tuples(st.just("follow"), st.integers(1, 3))
    | st.just(("look", None)),
    lambda steps: st.tuples(st.booleans(), st.lists(steps, max_size=5)),
    max_leaves=25,
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
    if step[0] == "program":  # in one batch: a move, and a loan that is to see it
        events = [each for member, city in step[1] for each in (Moved(member=member, city=city), loan(member))]
        log = EventLog.on(database_of(connection))
        for event in events:
            label = event._meta.label
            names = ("member", "city", "fee") if isinstance(event, Moved) else ("book", "branch", "member", "fee")
            log.append(label, {name: getattr(event, name) for name in names})
        return events
    if step[0] == "follow":
        for model in (AsyncCity, Member):
            follower = Follower(model, "default", "a test 1 x")
            for _ in range(step[1]):
                follower.step()
    else:
        assert LiveCity.objects.count() >= 0
    return []


def loan(member: Any, book: int = 0) -> Lent:
    return Lent(book=book, branch="x", member=member)


class Town:
    """What the rows should be, in plain Python."""

    def __init__(self, events: list[Any]) -> None:
        self.members: dict[str, dict[str, Any]] = {}
        self.cities: dict[str, dict[str, Any]] = {}
        self.loans: dict[int, dict[str, Any]] = {}
        for event in events:
            self.look(event)
            self.follow(event)

    def look(self, event: Any) -> None:
        name = event.buyer if isinstance(event, Sold) else event.member
        row = self.members.get(name, dict.fromkeys(["city", "first_city", "moves", "fees"]))
        city = event.city if isinstance(event, Joined) else row["city"]
        if city is not None:
            begun = {"loans": 0, "sales": 0, "left": 0, "came": 0, "people": set()}
            counted = self.cities.setdefault(city, begun)
            kinds = {Lent: "loans", Sold: "sales", Moved: "left", Left: "left", Joined: "came"}
            counted[kinds[type(event)]] += 1
            if isinstance(event, Lent):
                counted["people"].add(name)
        if isinstance(event, Lent):
            book = self.loans.setdefault(event.book, {"most_moves": None, "fees": Decimal(0)})
            book |= {"city": row["city"], "first_city": row["first_city"]}
            book["most_moves"] = max((n for n in (book["most_moves"], row["moves"]) if n is not None), default=None)
            book["fees"] += row["fees"] or 0

    def follow(self, event: Any) -> None:
        begun = {"city": None, "first_city": "nowhere", "moves": 0, "fees": Decimal(0)}
        if isinstance(event, Left):
            self.members.pop(event.member, None)
        elif isinstance(event, Joined):
            row = self.members.setdefault(event.member, begun)
            row |= {"city": event.city, "first_city": "nowhere"}
        elif isinstance(event, Moved):
            row = self.members.setdefault(event.member, begun)
            row["city"] = event.city
            row["moves"] += 1
            if event.city is not None and row["first_city"] == "nowhere":
                row["first_city"] = event.city
            if event.city != "b":
                row["fees"] += event.fee or 0

    def rows_of_cities(self) -> dict[str, Any]:
        return {city: (*list(row.values())[:4], len(row["people"])) for city, row in self.cities.items()}

    def rows_of_loans(self) -> dict[int, Any]:
        names = ("city", "first_city", "most_moves", "fees")
        return {book: tuple(row[name] for name in names) for book, row in self.loans.items()}


def rows(model: Any, using: str = "default") -> dict[Any, Any]:
    names = {LoanList: ("book", "city", "first_city", "most_moves", "fees")}
    fields = names.get(model, ("city", "loans", "sales", "left", "came", "people"))
    return {key: tuple(row) for key, *row in model.objects.using(using).values_list(*fields)}


def kept(model: Any) -> list[Any]:
    """The copy of what a read model looks up, in the file."""
    sql = "SELECT source, key, value FROM main.eventfold_lookup WHERE name = ? ORDER BY 1, 2"
    return connection.connection.execute(sql, [model._meta.label]).fetchall()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr("eventfold.django.tracking.pace._FIRST", 2)
    monkeypatch.setattr("eventfold.django.following.follower._FIRST_HANDLED", 2)


class Programs(TestCase):
    @settings(max_examples=50, deadline=None)
    @given(st.lists(STEPS, max_size=12))
    def test_the_rows_are_those_of_plain_python_in_each_lifecycle(self, program: list[Any]) -> None:
        events = [event for step in program for event in run(step)]
        events += run(loan(None))  # whatever programs recorded is folded inline by now
        follower = Follower(AsyncCity, "default", "a test 1 x")
        while follower.step(now=True) is Step.FOLDED:
            pass
        town = Town(events)
        assert rows(InlineCity) == town.rows_of_cities()
        assert rows(AsyncCity) == town.rows_of_cities()
        assert rows(LiveCity) == town.rows_of_cities()
        assert rows(LoanList) == town.rows_of_loans()
        copy = {("city of lending.Member", name, row["city"]) for name, row in town.members.items()}
        assert set(kept(InlineCity)) == set(kept(AsyncCity)) == copy
        assert kept(LiveCity) == []
        for model in (InlineCity, AsyncCity, LoanList):
            assert [each.count for each in drift.verify(model, "default")] == [0]
            before = rows(model), kept(model)
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {model._meta.db_table}")
                cursor.execute("DELETE FROM eventfold_lookup WHERE name = %s", [model._meta.label])
                cursor.execute("DELETE FROM eventfold_distinct WHERE name = %s", [model._meta.label])
            replayed(model._meta.label)
            assert (rows(model), kept(model)) == before


def join(member: str = "ann", city: str | None = "a", using: str = "default") -> None:
    Joined.objects.using(using).create(member=member, city=city)


@both
def test_an_event_finds_the_row_as_it_was_before(alias):
    join(using=alias)
    loan("ann").save(using=alias)
    Moved.objects.using(alias).create(member="ann", city="b")
    loan("ann").save(using=alias)
    Left.objects.using(alias).create(member="ann")
    loan("ann").save(using=alias)
    assert rows(InlineCity, alias) == rows(LiveCity, alias) == {"a": (1, 0, 1, 1, 1), "b": (1, 0, 1, 0, 1)}
    assert rows(LoanList, alias) == {0: (None, None, 1, Decimal(0))}


@pytest.mark.django_db
def test_it_does_not_matter_how_far_the_other_read_model_is():
    join()
    loan("ann").save()
    assert Member.objects.count() == 0  # its follower has not been there
    assert rows(InlineCity)["a"][0] == 1


@pytest.mark.django_db
def test_a_rollback_takes_back_the_copy():
    join()
    with transaction.atomic():
        Moved.objects.create(member="ann", city="b")
        transaction.set_rollback(True)
    loan("ann").save()
    assert rows(InlineCity) == {"a": (1, 0, 0, 1, 1)}


@pytest.mark.django_db
def test_a_copy_that_was_altered_by_hand_is_drift_and_mended():
    join()
    join("bob", "b")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_lookup SET value = 'x' WHERE name = 'lending.InlineCity' AND key = 'ann'")
        cursor.execute("DELETE FROM eventfold_lookup WHERE name = 'lending.InlineCity' AND key = 'bob'")
        cursor.execute("INSERT INTO eventfold_lookup VALUES ('lending.InlineCity', 'city of lending.Member', 'eve', 1)")
        cursor.execute("INSERT INTO eventfold_lookup VALUES ('lending.InlineCity', 'what is gone', 'eve', 1)")
    out = StringIO()
    with pytest.raises(CommandError, match="differ in 4 rows"):
        call_command("events", "verify", "lending.InlineCity", stdout=out)
    said = 'lending.InlineCity ann: city of lending.Member, which it looks up, is "a" by the log, "x" in its copy'
    assert said in out.getvalue().splitlines()
    call_command("events", "verify", "lending.InlineCity", "--repair", stdout=StringIO())
    assert kept(InlineCity) == [("city of lending.Member", "ann", "a"), ("city of lending.Member", "bob", "b")]
    assert [each.count for each in drift.verify(InlineCity, "default")] == [0]


@pytest.mark.django_db(transaction=True)
def test_what_is_appended_during_a_replay_is_in_it():
    join()
    appended: list[Any] = []

    def meanwhile(done: int, total: int) -> None:
        if not appended:
            appended.append(True)
            Moved.objects.create(member="ann", city="b")
            loan("ann").save()

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventfold_lookup WHERE name = 'lending.AsyncCity'")
    replay(AsyncCity, "default", progress=meanwhile)
    assert rows(AsyncCity) == {"a": (0, 0, 1, 1, 0), "b": (1, 0, 0, 0, 1)}
    assert [value for _, _, value in kept(AsyncCity)] == ["b"]


@pytest.mark.django_db
def test_rows_cannot_be_replayed_in_part():
    with pytest.raises(NotInPart, match="looks rows up"):
        replay_rows(InlineCity, "default", [("a",)])


@pytest.mark.django_db
def test_explain_says_what_is_looked_up_and_why_it_is_folded_in_one_piece():
    said = StringIO()
    call_command("events", "explain", "lending.LoanList", stdout=said)
    lines = [line.strip() for line in said.getvalue().splitlines()]
    assert (
        "Looked up as of each event: city of lending.Member, latest city of lending.Joined or lending.Moved; "
        "begins as null"
    ) in lines
    assert "a copy for this read model is kept in the table eventfold_lookup" in lines
    assert "rows are looked up as they were before each event" in lines
    assert any(
        line.endswith("latest city of lending.Member by member of lending.Lent; begins as null") for line in lines
    )


def read_model(name: str = "Shown", key: Any = "book", **operations: Any) -> Any:
    key_source = {} if isinstance(key, str) else {"book": key}
    attributes = {
        "book": models.CharField(primary_key=True, max_length=20)
        if key_source
        else models.BigIntegerField(primary_key=True),
        "found": models.CharField(max_length=20, null=True),
        "Projection": type("Projection", (), {"key": "book", **key_source, **operations}),
        "Meta": type("Meta", (), {"app_label": "lending"}),
        "__module__": "tests.django.lending",
    }
    with isolate_apps("tests.django.lending"):
        return type(name, (ReadModel,), attributes)


def problem(**operations: Any) -> str:
    messages = [each for each in read_model(**operations).check() if each.id.startswith("eventfold")]
    assert messages and all(each.hint for each in messages)
    return f"{messages[0].id}: {messages[0].msg}"


@pytest.mark.parametrize(
    ("lookup", "said"),
    [
        (
            Lookup("lending.Member", "member", "name"),
            "E203: .*'name' of lending.Member cannot be looked up: only a column",
        ),
        (Lookup("lending.Lent", "member", "city"), "E203: .*lending.Lent, which is no read model with a Projection"),
        (Lookup("lending.Nothing", "member", "city"), "E203: .*'lending.Nothing', which is no model"),
        (Lookup(Member, "book", "city"), "E203: .*by 'book' of lending.Lent: it is of the kind integer, not text"),
        (Lookup(Member, ("member", "branch"), "city"), "E203: .*by 2 parts: its key is member"),
        (Lookup(Member, "nobody", "city"), "E203: .*lending.Lent has no field 'nobody'"),
        (Lookup(Member, "member", "moves"), "E203: .*is of the kind integer, not text"),
        (Lookup(InlineCity, "member", "loans"), "E203: .*since lending.InlineCity looks rows up itself"),
    ],
)
def test_what_cannot_be_looked_up_is_an_error_of_check(lookup, said):
    import re

    assert re.match(f"eventfold.{said}", problem(found=Latest(Lent, lookup)))


def test_what_an_on_method_may_set_cannot_be_looked_up():
    with isolate_apps("tests.django.lending"):
        other = read_model("Other", found=Latest(Lent, "member"), hand=on(Lent)(lambda row, event: None))
    assert "since the @on methods of lending.Other might set it" in problem(
        found=Latest(Lent, Lookup(other, "book", "found"))
    )


def test_what_collects_values_cannot_be_looked_up():
    from tests.django.ratings.read_models import Reception

    assert "only a column made by Latest" in problem(found=Latest(Lent, Lookup(Reception, "book", "readers")))
    assert ArrayAgg


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: Lookup(Member, "member", ""), r'Lookup\(Member, "member", "city"\)'),
        (lambda: Lookup(7, "member", "city"), r'Lookup\(Member, "member", "city"\)'),
        (lambda: Lookup(Member, 7, "city"), r'Lookup\(Member, "member", "city"\)'),
        (
            lambda: read_model(on_error="skip", found=Latest(Lent, Lookup(Member, "member", "city"))),
            'on_error = "stop"',
        ),
        (
            lambda: read_model(key=Lookup(Member, "member", "city"), hand=on(Lent)(lambda row, event: None)),
            "a key that is looked up may be null",
        ),
    ],
)
def test_a_declaration_that_cannot_be_is_a_type_error(declare, said):
    with pytest.raises(TypeError, match=said):
        declare()


def test_a_change_of_the_other_projection_is_one_of_this_one(db, monkeypatch):
    before = compile_model(LoanList, "default").hash
    forget()
    changed = dict(Member.projection.operations) | {"city": Latest(Moved, "city")}
    monkeypatch.setitem(Member.projection.operations, "city", changed["city"])
    try:
        assert compile_model(LoanList, "default").hash != before
    finally:
        monkeypatch.undo()
        forget()
    assert compile_model(LoanList, "default").hash == before


def test_a_lookup_is_an_operand_like_any_other(db):
    model = read_model(found=Max(Lent, Lookup(Member, "member", "moves") * 2 + F("book")))
    spec = compile_model(model, "default", {}).spec
    assert '"(moves of lending.Member by member) * 2 + book"' in spec
    assert Count and ProjectionError
