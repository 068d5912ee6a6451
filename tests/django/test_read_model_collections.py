"""Columns that hold many values: lists, sets, histograms, the greatest values."""

import datetime
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, models
from django.db.models.functions import TruncDate, TruncHour, TruncWeek
from django.test.utils import isolate_apps
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from eventfold import ProjectionError, Trunc, _core
from eventfold.django import ArrayAgg, Avg, Histogram, ReadModel, Top, drift
from eventfold.django.explain import explain
from eventfold.django.following.follower import Follower, Step
from eventfold.django.gate import native
from eventfold.django.registry import known_fields
from eventfold.django.specification import as_text as as_text_of
from eventfold.django.specification import specification
from tests.django.loans.models import Book
from tests.django.ratings.events import Pulped, Rated, Reopened, Withdrawn
from tests.django.ratings.read_models import Calendar, LiveReception, Reception, Wall
from tests.django.shelves.helpers import replayed

UTC = datetime.timezone.utc
BOOKS = st.integers(1, 2)
READERS = st.sampled_from(["ann", "bob", "eve", "ß\n", "staff"])
STARS = st.none() | st.integers(-1, 12)
MOMENTS = st.datetimes(datetime.datetime(2024, 2, 28), datetime.datetime(2024, 3, 2), timezones=st.just(UTC))
EVENTS = st.one_of(
    st.builds(
        Rated,
        book=BOOKS,
        reader=READERS,
        stars=STARS,
        price=st.none() | st.decimals(-9, 99, places=2),
        read_on=st.none() | st.dates(datetime.date(2024, 2, 28), datetime.date(2024, 3, 2)),
        finished=st.none() | MOMENTS,
        recommended=st.none() | st.booleans(),
        minutes=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        tags=st.none() | st.lists(READERS, max_size=2) | st.dictionaries(READERS, st.integers(), max_size=2),
    ),
    st.builds(Withdrawn, book=BOOKS, reader=READERS, stars=STARS),
    st.builds(Withdrawn, book=BOOKS, reader=READERS, stars=STARS),
    st.builds(Reopened, book=BOOKS),
    st.builds(Pulped, book=BOOKS),
)


def as_text(moment: datetime.datetime) -> str:
    return str(moment.replace(tzinfo=None))


def as_number(price: Decimal) -> int | float:
    return int(price) if price == price.to_integral_value() else float(price)


class Shelf:
    """What the rows of Reception should be, in plain Python."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.walls: dict[int, list[str]] = {}

    def add(self, event: Any) -> None:
        if isinstance(event, Rated):
            self.walls[event.book] = [*self.walls.get(event.book, []), event.reader][-3:]
        elif isinstance(event, Withdrawn):
            self.walls[event.book] = [reader for reader in self.walls.get(event.book, []) if reader != event.reader]
        if isinstance(event, Pulped):
            self.rows.pop(event.book, None)
        elif isinstance(event, Reopened):
            if event.book in self.rows:
                self.rows[event.book]["last_readers"] = []
                if event.book > 1:
                    self.rows[event.book]["stars"] = Counter()
        else:
            row = self.rows.setdefault(event.book, {name: [] for name in ("last_readers", "tags", "finished", "rated")})
            row.setdefault("stars", Counter())
            row.setdefault("readers", []).append(event.reader)
            if isinstance(event, Withdrawn):
                row["stars"][event.stars] -= 1
            else:
                row["last_readers"].append(event.reader)
                row["stars"][event.stars] += 1
                row["rated"].append(event)

    def expected(self) -> dict[int, dict[str, Any]]:
        return {book: self.row(**row) for book, row in self.rows.items()}

    def row(self, rated: list[Any], last_readers: Any, readers: Any, stars: Any, **_: Any) -> dict[str, Any]:
        finished = [event.finished for event in rated if event.finished is not None]
        longest = [event for event in rated if event.minutes is not None and event.reader != "staff"]
        prices = sorted((event.price for event in rated if event.price is not None), reverse=True)
        hours = Counter(moment.replace(minute=0, second=0, microsecond=0) for moment in finished)
        said = Counter(event.recommended for event in rated if event.recommended is not None)
        return {
            "ratings": len(rated),
            "last_readers": last_readers[-3:],
            "last_tags": [event.tags for event in rated][-2:],
            "last_finished": [as_text(moment) for moment in finished][-2:] or None,
            "readers": sorted(set(readers))[:4],
            "days_read": sorted({str(event.read_on) for event in rated if event.read_on is not None}),
            "stars": {str(value): stars[value] for value in sorted(stars.keys() - {None}) if stars[value]},
            "by_hour": {as_text(hour): count for hour, count in sorted(hours.items())},
            "recommended": {str(value).lower(): said[value] for value in (False, True) if said[value]},
            "dearest": [as_number(price) for price in prices[:3]],
            "longest": [
                [event.minutes, event.reader] for event in sorted(longest, key=lambda event: -event.minutes)[:2]
            ],
        }


def rows(model: Any) -> dict[Any, dict[str, Any]]:
    return {row.pop(model._meta.pk.name): row for row in model.objects.values()}


def texts(model: Any) -> list[Any]:
    """The rows as they are stored."""
    return connection.cursor().execute(f"SELECT * FROM {model._meta.db_table} ORDER BY 1").fetchall()


def follow() -> None:
    follower = Follower(Calendar, "default", "a test 1 x")
    while follower.step(now=True) is Step.FOLDED:
        pass


class Programs(TestCase):
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.lists(EVENTS, min_size=1, max_size=6), max_size=6))
    def test_living_through_events_replay_and_plain_python_give_the_same_rows(self, batches: list[list[Any]]) -> None:
        shelf = Shelf()
        for batch in batches:
            kinds = {type(event) for event in batch}
            if len(kinds) == 1:
                kinds.pop().objects.bulk_create(batch)
            else:
                for event in batch:
                    event.save()
            for event in batch:
                shelf.add(event)
            assert LiveReception.objects.count() == len(shelf.rows)  # so that it goes on from there
        follow()
        assert repr(rows(Reception)) == repr(shelf.expected()) or rows(Reception) == shelf.expected()
        assert dict(Wall.objects.values_list("book", "last_readers")) == shelf.walls
        live = ("book", "readers", "stars", "longest")
        assert sorted(LiveReception.objects.values_list(*live)) == sorted(Reception.objects.values_list(*live))
        kept = (Reception, Calendar, Wall)
        lived = list(map(texts, kept))
        for model in kept:
            assert [each.count for each in drift.verify(model, "default")] == [0]
            connection.cursor().execute(f"DELETE FROM {model._meta.db_table}")
            replayed(model._meta.label)
        assert list(map(texts, kept)) == lived


@pytest.fixture
def emma(db):
    """Ratings of one book."""
    for reader, stars, price in [("bob", 5, "9.50"), ("ann", None, None), ("bob", 3, "12"), ("eve", 5, "9.50")]:
        Rated.objects.create(
            book=1,
            reader=reader,
            stars=stars,
            price=price,
            minutes=stars,
            finished=datetime.datetime(2024, 2, 29, 9, 5, tzinfo=UTC),
        )


def test_a_row_holds_lists_sets_histograms_and_the_greatest_values(emma):
    row = Reception.objects.get()
    assert row.last_readers == ["ann", "bob", "eve"]
    assert row.readers == ["ann", "bob", "eve"]
    assert row.stars == {"3": 1, "5": 2}
    assert row.dearest == [12, 9.5, 9.5]
    assert row.longest == [[5.0, "bob"], [5.0, "eve"]]
    assert row.by_hour == {"2024-02-29 09:00:00": 4}
    assert row.last_finished == ["2024-02-29 09:05:00", "2024-02-29 09:05:00"]


def test_the_values_can_be_asked_for_in_a_query(emma):
    assert Reception.objects.filter(stars__has_key="5", readers__0="ann").exists()
    assert not Reception.objects.filter(stars__has_key="4").exists()
    assert Reception.objects.values_list("readers__1", flat=True).get() == "bob"


def test_a_rating_that_is_withdrawn_is_taken_off(emma):
    Withdrawn.objects.create(book=1, reader="bob", stars=3)
    assert Reception.objects.get().stars == {"5": 2}


def test_what_happened_on_a_day_is_counted_by_the_day(emma):
    follow()
    today = str(datetime.datetime.now(UTC).date())
    assert rows(Calendar) == {
        "ann": {"days": {today: 1}, "books": [1]},
        "bob": {"days": {today: 2}, "books": [1]},
        "eve": {"days": {today: 1}, "books": [1]},
    }


def test_a_row_that_was_altered_by_hand_is_found_and_mended(emma):
    with connection.cursor() as cursor:
        cursor.execute("""UPDATE ratings_reception SET stars = '{"3": 1, "5": 2}'""")
    (verified,) = drift.verify(Reception, "default")
    assert verified.differences[0].columns == {"stars": ('{"3":1,"5":2}', '{"3": 1, "5": 2}')}
    drift.verify(Reception, "default", repair=True)
    assert [each.count for each in drift.verify(Reception, "default")] == [0]


def test_a_column_that_holds_something_else_stops_the_append_and_says_what_to_do(emma):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ratings_reception SET stars = '[7]'")
    with pytest.raises(ProjectionError, match=r'Rated at position.*"stars" holds something.*--repair'):
        Rated.objects.create(book=1, reader="ann", stars=1)
    drift.verify(Reception, "default", repair=True)
    Rated.objects.create(book=1, reader="ann", stars=1)
    assert Reception.objects.get().stars == {"1": 1, "3": 1, "5": 2}


def test_a_list_or_an_object_comes_back_from_a_list_as_it_was(db):
    for tags in (["x"], {"ä": [1.5, None]}, None):
        Rated.objects.create(book=1, reader="ann", tags=tags)
    assert Reception.objects.get().last_tags == [{"ä": [1.5, None]}, None]


def test_a_rule_in_python_may_change_what_is_collected(emma):
    Withdrawn.objects.create(book=1, reader="bob")
    assert Wall.objects.get().last_readers == ["ann", "eve"]
    Rated.objects.create(book=1, reader="zoe")
    assert Wall.objects.get().last_readers == ["ann", "eve", "zoe"]


def test_explain_says_what_is_collected(db):
    lines = [line.strip() for line in explain(Reception, "default")]
    columns = dict(line.split(maxsplit=1) for line in lines[4 : lines.index("Row deleted by: ratings.Pulped")])
    assert columns["last_readers"] == (
        "last 3 of reader of ratings.Rated; begins as [], and again with each ratings.Reopened"
    )
    assert columns["readers"] == (
        "different values, the least 4, of reader of ratings.Rated or ratings.Withdrawn; begins as []"
    )
    assert columns["stars"] == (
        "count of each stars of ratings.Rated or less stars of ratings.Withdrawn; begins as {}, and again with each "
        "ratings.Reopened where book > 1"
    )
    assert columns["by_hour"] == "count of each hour of finished of ratings.Rated; begins as {}"
    assert columns["dearest"] == "greatest 3 of price of ratings.Rated; begins as []"
    assert columns["longest"].startswith("greatest 2 of minutes of ratings.Rated where ")
    assert columns["longest"].endswith(", each with its reader; begins as []")
    assert "Replayed on several threads: ranges of the log are folded apart, and joined" in lines


def read_model(field: models.Field, operation: Any) -> Any:
    attributes = {
        "book": models.IntegerField(primary_key=True),
        "found": field,
        "Projection": type("Projection", (), {"key": "book", "found": operation}),
        "Meta": type("Meta", (), {"app_label": "ratings"}),
        "__module__": "tests.django.ratings",
    }
    with isolate_apps("tests.django.ratings"):
        return type("Shown", (ReadModel,), attributes)


def problem(field: models.Field, operation: Any) -> str:
    (message,) = [message for message in read_model(field, operation).check() if message.id.startswith("eventfold")]
    assert message.hint
    return f"{message.id}: {message.msg}"


@pytest.mark.parametrize(
    ("field", "operation", "said"),
    [
        (models.TextField(default=""), ArrayAgg(Rated, "reader", limit=3), "which is no JSONField"),
        (models.JSONField(default=dict), ArrayAgg(Rated, "reader", limit=3), "begins as {} and not as a list"),
        (models.JSONField(default=list), Histogram(Rated, "reader"), "begins as [] and not as a dict"),
        (models.JSONField(), ArrayAgg(Rated, "cover", limit=3), "'cover' of ratings.Rated is of the kind binary"),
        (models.JSONField(), ArrayAgg(Rated, "pages", limit=3), "ratings.Rated has no field 'pages'"),
        (models.JSONField(), ArrayAgg(Rated, "tags", limit=3, distinct=True), "'tags' of ratings.Rated is of the kind"),
        (models.JSONField(), Histogram(Rated, TruncDate("stars")), "is of the kind integer, not date or datetime"),
        (models.JSONField(), Histogram(Rated, TruncHour("read_on")), "is of the kind date, not datetime"),
        (models.JSONField(), Top(Rated, "price", limit=2, label="author"), "has no field 'author'"),
    ],
)
def test_a_declaration_that_cannot_be_is_an_error_of_check(field, operation, said):
    message = problem(field, operation)
    assert message.startswith("eventfold.E203: The Projection ")
    assert said in message


@pytest.mark.parametrize("field", [models.JSONField(), models.JSONField(null=True), models.JSONField(default=list)])
def test_a_list_begins_empty_without_a_default(field):
    assert read_model(field, ArrayAgg(Rated, "reader", limit=3)).check() == []


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: ArrayAgg(Rated, "reader"), "limit=10; not None"),
        (lambda: ArrayAgg(Rated, "reader", limit=0), "between 1 and 100,000"),
        (lambda: Top(Rated, "price", limit=True), "Top keeps at most `limit` values"),
        (lambda: Top(Rated, "price", limit=1001), "between 1 and 1,000"),
        (lambda: Top(Rated, "price", limit=2, label=7), 'label="title", not 7'),
        (lambda: ArrayAgg((Rated, "reader", -1), limit=2), "ArrayAgg takes an event type and a field"),
        (lambda: Histogram((Rated, "reader", 2)), "Histogram takes an event type and a field"),
        (lambda: Histogram(Rated), "Histogram takes an event type and a field"),
        (lambda: Histogram(), "Histogram needs an event type"),
        (lambda: Histogram((Rated, TruncDate("finished")), (Withdrawn, "stars")), "the same span of time"),
        (lambda: Histogram(Rated, TruncWeek("finished")), "and not a week"),
        (lambda: Avg(Rated, "stars"), r'GeneratedField, F\("total"\) \* 1.0 / NullIf\(F\("number"\), 0\)'),
    ],
)
def test_a_word_that_cannot_be_is_a_type_error(declare, said):
    with pytest.raises(TypeError, match=said):
        declare()


def test_djangos_word_for_a_span_of_time_is_that_of_the_log():
    assert Histogram(Rated, TruncDate("finished")) == Histogram(Rated, Trunc("finished", "day"))
    assert Histogram(Rated, TruncHour("finished")) != Histogram(Rated, Trunc("finished", "day"))
    assert ArrayAgg(Rated, "reader", limit=3) != ArrayAgg(Rated, "reader", limit=3, distinct=True)


def test_of_a_tracked_change_only_what_changed_is_collected(db):
    model = read_model(
        models.JSONField(), ArrayAgg(("loans.BookCreated", "new_title"), ("loans.BookChanged", "new_title"), limit=9)
    )
    model.projection = replace(model.projection, key=("book",), key_sources={"book": ("key", None)})
    book = Book.objects.create(title="Emma")
    for change in ({"pages": 300}, {"title": "Emma, corrected"}, {"title": "a\0b"}):
        Book.objects.filter(pk=book.pk).update(**change)
    spec = as_text_of(specification(model, connection, known_fields("default")))
    folded = native(connection, "fold", lambda log: _core.fold(log, spec).to_dict())
    assert folded[book.pk] == (["Emma", "Emma, corrected", "a\0b"],)
