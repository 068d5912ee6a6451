"""EventLog.fold into columns that hold many values."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventfold import (
    ArrayAgg,
    Avg,
    Count,
    CountDistinct,
    EventLog,
    Filtered,
    Histogram,
    NewEvent,
    ProjectionError,
    Top,
    Trunc,
    Where,
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "events.db") as log:
        yield log


def rate(log: EventLog, *ratings: tuple[int, str, Any]) -> None:
    log.append([NewEvent("Rated", {"book": book, "by": by, "stars": stars}) for book, by, stars in ratings])


def test_a_column_is_a_list_a_set_a_histogram_or_the_greatest_values(log: EventLog) -> None:
    rate(log, (7, "bob", 5), (7, "ann", 10), (7, "bob", None), (8, "eve", 1), (7, "eve", 5))
    columns = {
        "last": ArrayAgg("Rated", "stars", limit=2),
        "readers": ArrayAgg("Rated", "by", limit=10, distinct=True),
        "stars": Histogram("Rated", "stars"),
        "best": Top("Rated", "stars", limit=2),
        "by": Top("Rated", "stars", limit=2, label="by", filter=~Where(by="ann")),
    }
    assert log.fold("book", columns).to_dict() == {
        7: ([None, 5], ["ann", "bob", "eve"], {"5": 2, "10": 1}, [10, 5], [[5, "bob"], [5, "eve"]]),
        8: ([1], ["eve"], {"1": 1}, [1], [[1, "eve"]]),
    }


def test_a_row_without_values_has_empty_ones(log: EventLog) -> None:
    log.append("Added", {"book": 7})
    columns = {
        "added": Count("Added"),
        "list": ArrayAgg("Rated", "stars", limit=2),
        "stars": Histogram("Rated", "stars"),
        "none": Top("Rated", "stars", limit=2, initial=None),
    }
    assert log.fold("book", columns)[7] == (1, [], {}, None)


def test_a_histogram_counts_by_a_span_of_time_and_takes_off(log: EventLog) -> None:
    log.append(
        [
            NewEvent("Lent", {"book": 7, "on": "2024-02-29"}),
            NewEvent("Lent", {"book": 7, "on": "2024-02-01 12:00"}),
            NewEvent("Lent", {"book": 7, "on": "2024-03-01"}),
            NewEvent("Returned", {"book": 7, "lent": "2024-03-01"}),
        ]
    )
    month = Histogram(("Lent", Trunc("on", "month")), ("Returned", Trunc("lent", "month"), -1))
    assert log.fold("book", {"lent": month})[7] == ({"2024-02-01": 2},)


def test_a_list_is_cleared_and_goes_with_its_row(log: EventLog) -> None:
    columns = {"list": ArrayAgg("Rated", "stars", limit=5, cleared_by=Filtered("Cleared", Where(hard=True)))}

    def listed() -> list[Any]:
        return [values for (values,) in log.fold("book", columns, delete_on="Removed").values()]

    rate(log, (7, "bob", 5))
    log.append("Cleared", {"book": 7, "hard": False})
    assert listed() == [[5]]
    log.append("Cleared", {"book": 7, "hard": True})
    assert listed() == [[]]
    rate(log, (7, "bob", 4))
    assert listed() == [[4]]
    log.append("Removed", {"book": 7})
    assert listed() == []
    rate(log, (7, "bob", 3))
    assert listed() == [[3]]


def test_a_list_or_an_object_cannot_be_compared(log: EventLog) -> None:
    rate(log, (7, "bob", [1]))
    assert log.fold("book", {"list": ArrayAgg("Rated", "stars", limit=5)})[7] == ([[1]],)
    with pytest.raises(ProjectionError, match='Rated at position 1: the column "best": a list or an object cannot be'):
        log.fold("book", {"best": Top("Rated", "stars", limit=5)})


def test_a_set_of_very_many_values_has_the_least(log: EventLog) -> None:
    numbers = [(number * 7919) % 10_007 for number in range(10_000)]
    rate(log, *((7, "bob", number) for number in numbers))
    least = ArrayAgg("Rated", "stars", limit=1000, distinct=True)
    assert log.fold("book", {"least": least})[7] == (sorted(set(numbers))[:1000],)


def test_a_column_is_a_number_of_different_values(log: EventLog) -> None:
    rate(log, (7, "bob", 5), (7, "ann", 5.0), (7, "bob", None), (7, "eve", "5"), (8, "eve", True))
    columns = {
        "readers": Count("Rated", "by", distinct=True),
        "stars": CountDistinct("Rated", "stars"),
        "others": CountDistinct("Rated", "by", filter=~Where(by="bob")),
    }
    assert log.fold("book", columns).to_dict() == {7: (3, 2, 2), 8: (1, 1, 1)}


def test_an_average_is_refused_with_the_way_to_keep_it() -> None:
    with pytest.raises(TypeError, match=r'Sum\(E, "field"\)'):
        Avg("Rated", "stars")
