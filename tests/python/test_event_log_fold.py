"""EventLog.fold: one row for each key, straight from the log."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from eventfold import (
    Count,
    EventLog,
    Filtered,
    First,
    Latest,
    LogNotFound,
    Max,
    Min,
    NewEvent,
    ProjectionError,
    Sum,
    Trunc,
    Where,
    _borrow,
    _core,
)


@pytest.fixture(params=["native", "dbapi"])
def log(request: pytest.FixtureRequest, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventLog]:
    if request.param == "dbapi":
        monkeypatch.setenv("EVENTFOLD_SQLITE_WAY", "dbapi")
    with EventLog(tmp_path / "events.db") as log:
        yield log


def test_each_operation_makes_its_column(log: EventLog) -> None:
    log.append(
        [
            NewEvent("Added", {"book": 7, "title": "Emma"}),
            NewEvent("Borrowed", {"book": 7, "by": None, "days": 3}),
            NewEvent("Borrowed", {"book": 7, "by": "ann", "days": 10**18}),
            NewEvent("Renamed", {"book": 7, "name": "Emma, a novel"}),
            NewEvent("Borrowed", {"book": 7, "by": "bob", "days": -1}),
            NewEvent("Borrowed", {"book": 8, "by": "eve", "days": None}),
        ]
    )
    rows = log.fold(
        "book",
        {
            "times": Count("Borrowed"),
            "title": Latest(("Added", "title"), ("Renamed", "name")),
            "days": Sum("Borrowed", "days"),
            "longest": Max("Borrowed", "days"),
            "shortest": Min("Borrowed", "days"),
            "first": First("Borrowed", "by"),
            "last": Latest("Borrowed", "by"),
        },
    )
    assert len(rows) == 2
    assert rows.to_dict() == {
        7: (3, "Emma, a novel", 10**18 + 2, 10**18, -1, "ann", "bob"),
        8: (1, None, 0, None, None, "eve", "eve"),
    }


def test_columns_are_cleared_and_rows_go_away(log: EventLog) -> None:
    log.append(
        [
            NewEvent("Borrowed", {"book": 7, "by": "ann"}),
            NewEvent("Returned", {"book": 7}),
            NewEvent("Borrowed", {"book": 8, "by": "bob"}),
            NewEvent("Removed", {"book": 8}),
            NewEvent("Returned", {"book": 9}),
        ]
    )
    columns = {
        "by": Latest("Borrowed", "by", cleared_by="Returned", initial="nobody"),
        "times": Count("Borrowed"),
    }
    assert log.fold("book", columns, delete_on="Removed").to_dict() == {7: ("nobody", 1)}
    assert log.fold("book", columns, delete_on="Removed", until=3).to_dict() == {7: ("nobody", 1), 8: ("bob", 1)}


def test_a_key_may_have_several_fields_of_any_kind(log: EventLog) -> None:
    log.append([NewEvent("Borrowed", {"book": book, "by": by}) for book, by in [(1, "ann"), ("1", "ann"), (1, "ann")]])
    assert log.fold(("book", "by"), {"n": Count("Borrowed")}).to_dict() == {(1, "ann"): (2,), ("1", "ann"): (1,)}


def test_a_missing_key_is_named_with_its_position(log: EventLog) -> None:
    log.append([NewEvent("Borrowed", {"book": 7}), NewEvent("Borrowed", {"title": "Emma"})])
    with pytest.raises(ProjectionError, match=r"Borrowed.* 2.*book"):
        log.fold("book", {"n": Count("Borrowed")})


def test_an_empty_log_folds_to_nothing(log: EventLog) -> None:
    assert log.fold("book", {"n": Count("Borrowed")}).to_dict() == {}


def test_within_a_transaction_the_fold_sees_what_is_not_committed_yet(tmp_path: Any) -> None:
    import sqlite3

    _borrow.bind(sqlite3)
    raw = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    database = _borrow.borrow(raw, sqlite3)
    log = EventLog.on(database)
    with pytest.raises(LogNotFound):
        log.fold("book", {"n": Count("Borrowed")})
    _core.Log(database).install()
    raw.execute("BEGIN")
    log.append("Borrowed", {"book": 7})
    assert log.fold("book", {"n": Count("Borrowed")}).to_dict() == {7: (1,)}
    raw.execute("ROLLBACK")
    assert log.fold("book", {"n": Count("Borrowed")}).to_dict() == {}
    raw.close()


def test_operations_that_make_no_sense_are_refused_when_they_are_written() -> None:
    for wrong in (lambda: Count(), lambda: Latest("Added"), lambda: Latest("Added", 3), lambda: Latest(("Added",))):
        with pytest.raises(TypeError):
            wrong()


def test_operations_are_plain_values() -> None:
    assert Count("A", "B") == Count("A", "B")
    assert Latest("A", "x") != First("A", "x")
    assert Latest("A", "x").sources == Latest(("A", "x")).sources == (("A", "x"),)


def test_conditions_let_some_events_in(log: EventLog) -> None:
    log.append(
        [
            NewEvent("Borrowed", {"book": 7, "by": "ann", "days": 3}),
            NewEvent("Borrowed", {"book": 7, "by": "", "days": 30}),
            NewEvent("Borrowed", {"book": 7, "by": None, "days": "30"}),
            NewEvent("Borrowed", {"by": "eve", "days": 1}),  # no book: an event that is not let in needs no key
            NewEvent("Returned", {"book": 7, "damaged": False}),
            NewEvent("Borrowed", {"book": 8, "by": "bob", "days": 15.5}),
            NewEvent("Returned", {"book": 8, "damaged": True}),
        ]
    )
    columns = {
        "long": Count("Borrowed", filter=Where(days__gt=14)),
        "named": Count("Borrowed", filter=~Where(by="") & Where(days__range=(2, 30))),
        "unnamed": Count("Borrowed", filter=(Where(by="") | Where(by=None)) & Where(book__isnull=False)),
        "by": Latest(
            (Filtered("Borrowed", Where(book__in=[7, 8]) & ~Where(by="")), "by"),
            cleared_by=Filtered("Returned", Where(damaged=True)),
        ),
    }
    assert log.fold("book", columns).to_dict() == {7: (1, 1, 2, None), 8: (1, 1, 0, None)}
    places = {
        "last": Max("Borrowed", "position", filter=Where(book=8)),
        "when": Latest("Borrowed", "created", filter=Where(book=8)),
    }
    last, when = log.fold("book", places, delete_on="Returned", until=6)[8]
    assert (last, when[:2]) == (6, "20")
    gone = Filtered(
        "Returned", Where(damaged=True, position__lt=8, created__gt=datetime(2020, 1, 1, tzinfo=timezone.utc))
    )
    assert log.fold("book", columns, delete_on=gone).to_dict() == {7: (1, 1, 2, None)}


@pytest.mark.parametrize(
    ("lookups", "message"),
    [
        ({"days__foo": 1}, "'foo' is none of the lookups exact, in, gt"),
        ({"days__gt": None}, "use days__isnull"),
        ({"days": [1]}, r"cannot compare with \[1\]: give a text, a number, True or False"),
        ({"days": 2**64}, "beyond 64 bits"),
        ({"days": float("nan")}, "cannot compare with nan"),
        ({"days__in": "abc"}, "days__in takes a list"),
        ({"by__startswith": 7}, "by__startswith looks for a text"),
        ({"created__gt": datetime(2020, 1, 1)}, "a datetime that has a time zone"),
        ({"position__gt": "7"}, "position is compared with a whole number"),
        ({"by": "\ud800"}, "half a surrogate pair"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(lookups: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Where(**lookups)


def test_a_condition_says_what_it_is() -> None:
    assert repr(Where(a=1) & ~Where(b__gt=2)) == "Where(Where(a=1) & ~Where(b__gt=2))"
    with pytest.raises(TypeError, match="a filter is a condition"):
        Where(a=1) & 7  # type: ignore[operator]


def test_a_sum_may_have_signs_and_numbers(log: EventLog) -> None:
    log.append(
        [
            NewEvent("Paid", {"account": 1, "amount": 10}),
            NewEvent("Paid", {"account": 1, "amount": 2.5}),
            NewEvent("Refunded", {"account": 1, "sum": 4}),
            NewEvent("Refunded", {"account": 2, "sum": None}),
        ]
    )
    columns = {
        "balance": Sum(("Paid", "amount"), ("Refunded", "sum", -1)),
        "more_paid": Sum(("Paid", 1), ("Refunded", -1)),
        "points": Sum("Paid", 100, filter=Where(amount__gte=10)),
    }
    assert log.fold("account", columns).to_dict() == {1: (8.5, 1, 100), 2: (0, -1, 0)}


def test_a_key_may_be_the_day_of_a_moment(log: EventLog) -> None:
    log.append(
        [
            NewEvent("Borrowed", {"book": 7, "on": "2024-02-29"}),
            NewEvent("Borrowed", {"book": 7, "on": "2024-02-29T23:59:59.5Z"}),
            NewEvent("Borrowed", {"book": 7, "on": "2024-12-31 07:00:00"}),
        ]
    )
    times = {"times": Count("Borrowed")}
    assert log.fold(Trunc("on", "day"), times).to_dict() == {"2024-02-29": (2,), "2024-12-31": (1,)}
    assert log.fold(("book", Trunc("on", "month")), times).to_dict() == {
        (7, "2024-02-01"): (2,),
        (7, "2024-12-01"): (1,),
    }
    assert log.fold(Trunc("on", "year"), times).to_dict() == {"2024-01-01": (3,)}
    by_hour = {"times": Count("Borrowed", filter=Where(position__gt=1))}
    assert log.fold(Trunc("on", "hour"), by_hour).to_dict() == {
        "2024-02-29 23:00:00": (1,),
        "2024-12-31 07:00:00": (1,),
    }
    (day,) = log.fold(Trunc("created", "day"), times)
    assert abs(datetime.fromisoformat(f"{day}T12:00:00+00:00") - datetime.now(timezone.utc)) < timedelta(days=1)
    with pytest.raises(ProjectionError, match='position 1: its key "on" is no date and time'):
        log.fold(Trunc("on", "hour"), times)
    with pytest.raises(ProjectionError, match='position 1: its key "book" is no date'):
        log.fold(Trunc("book", "day"), times)


def test_a_key_is_cut_to_no_other_unit() -> None:
    with pytest.raises(TypeError, match="a key is the year, month, day or hour of a moment, and not its 'week'"):
        Trunc("created", "week")
    with pytest.raises(TypeError, match="takes the name of a field"):
        Trunc(7, "day")  # type: ignore[arg-type]
