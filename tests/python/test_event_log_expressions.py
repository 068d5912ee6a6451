"""EventLog.fold on expressions: what is made of fields, of JSON within them, of lists and of the stream."""

from collections.abc import Iterator
from typing import Any

import pytest

from eventfold import (
    Coalesce,
    Count,
    Each,
    EventLog,
    Extract,
    F,
    Filtered,
    First,
    KeyOf,
    Latest,
    Max,
    NewEvent,
    NullIf,
    ProjectionError,
    StreamCategory,
    StreamName,
    Sum,
    Trunc,
    Value,
    Where,
)


@pytest.fixture(params=["native", "dbapi"])
def log(request: pytest.FixtureRequest, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventLog]:
    if request.param == "dbapi":
        monkeypatch.setenv("EVENTFOLD_SQLITE_WAY", "dbapi")
    with EventLog(tmp_path / "events.db") as log:
        yield log


def sold(log: EventLog, *sales: dict[str, Any]) -> None:
    log.append([NewEvent("Sold", {"item": 1, **sale}) for sale in sales])


def test_a_value_is_made_of_fields_and_numbers(log: EventLog) -> None:
    sold(
        log, {"price": 5, "quantity": 3}, {"price": 2.5, "quantity": 2}, {"price": None, "quantity": 9}, {"quantity": 1}
    )
    made = log.fold(
        "item",
        {
            "earned": Sum("Sold", F("price") * F("quantity")),
            "most": Max("Sold", 100 - (F("quantity") + 1) * 2),
            "rest": Latest("Sold", F("quantity") % 2),
            "price": Latest("Sold", Coalesce("price", Value(0))),
            "first": First("Sold", F("price") / NullIf("quantity", 3)),
        },
    )
    assert made.to_dict() == {1: (20.0, 96, 1, 0, 1.25)}


def test_integers_are_divided_as_postgresql_does(log: EventLog) -> None:
    sold(log, {"a": -7, "b": 2})
    columns = {"whole": Latest("Sold", F("a") / F("b")), "rest": Latest("Sold", F("a") % F("b")),
               "real": Latest("Sold", F("a") / 2.0)}  # fmt: skip
    assert log.fold("item", columns)[1] == (-3, -1, -3.5)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        (F("a") / F("zero"), "a division by zero"),
        (F("a") % F("zero"), "a division by zero"),
        (F("big") + 1, "an integer beyond 64 bits"),
        (F("big") * F("big"), "an integer beyond 64 bits"),
        (F("text") * 2, "no number"),
    ],
)
def test_what_has_no_result_is_an_error_that_names_the_event(log: EventLog, expression: Any, problem: str) -> None:
    sold(log, {"a": 1, "zero": 1, "big": 1, "text": 1}, {"a": 1, "zero": 0, "big": 2**63 - 1, "text": "x"})
    with pytest.raises(ProjectionError, match=rf'the event Sold at position 2: the column "n", .*: .*{problem}'):
        log.fold("item", {"n": Latest("Sold", expression)})


def test_what_no_condition_lets_in_is_not_calculated(log: EventLog) -> None:
    sold(log, {"a": 6, "b": 0}, {"a": 6, "b": 2})
    assert log.fold("item", {"n": Sum("Sold", F("a") / F("b"), filter=~Where(b=0))})[1] == (3,)


def test_a_key_is_a_part_of_a_moment(log: EventLog) -> None:
    sold(log, {"day": "2024-02-29"}, {"day": "2024-03-03T10:00:00Z"}, {"day": "2025-02-01"})
    month = Extract("day", "month")
    assert log.fold((Extract("day", "year"), month), {"n": Count("Sold")}).to_dict() == {
        (2024, 2): (1,),
        (2024, 3): (1,),
        (2025, 2): (1,),
    }
    assert log.fold(Extract("day", "week_day"), {"n": Count("Sold")}).to_dict() == {5: (1,), 1: (1,), 7: (1,)}
    (hour,) = log.fold(Extract("created", "hour"), {"n": Count("Sold")})
    assert 0 <= hour < 24
    with pytest.raises(ProjectionError, match="the key, hour of day: it takes the hour of something that has none"):
        log.fold(Extract("day", "hour"), {"n": Count("Sold")})
    with pytest.raises(TypeError, match="a moment has no 'century'"):
        Extract("day", "century")


def test_a_path_leads_into_json(log: EventLog) -> None:
    sold(
        log,
        {"to": {"city": "Bonn", "lines": [{"sku": "a"}]}, "n": 2},
        {"to": {"city": "Bonn"}, "n": 3},
        {"to": {"city": "Ulm", "lines": [{"sku": "b"}, {"sku": "c"}]}, "n": 4},
    )
    columns = {"n": Sum("Sold", "n"), "sku": First("Sold", "to__lines__0__sku"), "last": Latest("Sold", F("to__lines"))}
    assert log.fold("to__city", columns).to_dict() == {
        "Bonn": (5, "a", None),
        "Ulm": (4, "b", [{"sku": "b"}, {"sku": "c"}]),
    }
    only = Where(to__city__startswith="B") & Where(to__lines__isnull=False)
    assert log.fold("item", {"n": Count("Sold", filter=only)})[1] == (1,)
    with pytest.raises(ProjectionError, match='its key "to__street" is null or missing'):
        log.fold("to__street", {"n": Count("Sold")})
    with pytest.raises(TypeError, match="'to__' is no field"):
        log.fold("to__", {"n": Count("Sold")})


def test_without_a_key_there_is_one_row(log: EventLog) -> None:
    assert log.fold((), {"n": Count("Sold")}).to_dict() == {}
    sold(log, {}, {"item": 2})
    assert log.fold((), {"n": Count("Sold")}).to_dict() == {1: (2,)}
    assert log.fold(Value("all"), {"n": Count("Sold")}).to_dict() == {"all": (2,)}


def test_a_key_is_the_stream_or_its_category(log: EventLog) -> None:
    for number, stream in enumerate(["book-1", "book-2", "shop", "book-1"]):
        log.append("Seen", {"n": number}, stream=stream)
    assert log.fold(StreamName(), {"n": Sum("Seen", "n")}).to_dict() == {"book-1": (3,), "book-2": (1,), "shop": (2,)}
    assert log.fold(StreamCategory(), {"n": Count("Seen")}).to_dict() == {"book": (3,), "shop": (1,)}
    assert log.fold((), {"last": Latest("Seen", StreamName())})[1] == ("book-1",)
    log.append("Seen", {"n": 9})
    with pytest.raises(ProjectionError, match='its key "name of stream" is null or missing'):
        log.fold(StreamName(), {"n": Count("Seen")})
    assert log.fold(Coalesce(StreamCategory(), Value("none")), {"n": Sum("Seen", "n")})["none"] == (9,)


def test_an_event_makes_a_row_for_each_element_of_a_list(log: EventLog) -> None:
    log.append("Written", {"by": ["ann", "bob"], "pages": 10})
    log.append("Written", {"by": ["ann", "ann"], "pages": 1})
    log.append("Written", {"by": [], "pages": 5})
    log.append("Written", {"pages": 5})
    assert log.fold(Each("by"), {"n": Count("Written"), "pages": Sum("Written", "pages")}).to_dict() == {
        "ann": (3, 12),
        "bob": (1, 10),
    }
    log.append("Written", {"by": "eve"})
    with pytest.raises(ProjectionError, match='the event Written at position 5: "by" is no list'):
        log.fold(Each("by"), {"n": Count("Written")})


def test_the_lines_of_an_order_are_folded_by_what_is_within_them(log: EventLog) -> None:
    lines = [{"sku": "a", "n": 2, "price": 5}, {"sku": "b", "n": 1, "price": 7}, {"sku": "a", "n": 1, "price": 4}]
    log.append("Ordered", {"by": "ann", "order": {"lines": lines}})
    n, price = Each("order__lines", "n"), Each("order__lines", "price")
    columns = {"lines": Count("Ordered"), "units": Sum("Ordered", n), "earned": Sum("Ordered", n * price)}
    assert log.fold(Each("order__lines", "sku"), columns).to_dict() == {"a": (2, 3, 14), "b": (1, 1, 7)}
    assert log.fold("by", columns).to_dict() == {"ann": (1, 4, 21)}
    with pytest.raises(ProjectionError, match="is taken apart by two lists"):
        log.fold(Each("order__lines", "sku"), {"x": Sum("Ordered", Each("others"))})


def test_a_sum_of_expressions_is_a_balance(log: EventLog) -> None:
    log.append("Sold", {"item": 1, "price": 5, "n": 2})
    log.append("Returned", {"item": 1, "price": 5, "n": 1})
    total = F("price") * F("n")
    assert log.fold("item", {"sum": Sum(("Sold", total), ("Returned", total, -1))})[1] == (5,)


def test_a_deletion_takes_the_row_of_a_calculated_key(log: EventLog) -> None:
    for n in (1, 2, 3):
        log.append("Sold", {"n": n})
    log.append("Gone", {"n": 5, "for": "good"})
    rows = log.fold(F("n") % 2, {"n": Count("Sold")}, delete_on=Filtered("Gone", Where(**{"for": "good"})))
    assert rows.to_dict() == {0: (1,)}


@pytest.mark.parametrize(
    "wrong", [F("a") * [1], Coalesce("a", {}), F("a") + 2**63, F(""), F("a") + float("inf"), object()]
)
def test_what_is_no_expression_is_refused(log: EventLog, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"expression|field"):
        log.fold("item", {"n": Latest("Sold", wrong)})


def test_text_is_a_value_within_arithmetic_and_refused(log: EventLog) -> None:
    with pytest.raises(ProjectionError, match="its operand is of the kind text"):
        log.fold("item", {"n": Latest("Sold", F("a") * "b")})


def test_threads_and_one_pass_agree(log: EventLog) -> None:
    lines = [[{"sku": f"s{n % 50}", "n": n % 7}, {"sku": f"s{n % 9}", "n": 1}][: n % 3] for n in range(24_000)]
    log.append([NewEvent("Ordered", {"n": n, "lines": each}, f"c{n % 5}-{n}") for n, each in enumerate(lines)])
    columns = {"n": Count("Ordered"), "units": Sum("Ordered", Each("lines", "n") * 2), "last": Latest("Ordered", "n")}
    for key in (Each("lines", "sku"), StreamCategory(), Trunc("created", "year"), F("n") % 11):
        assert log.fold(key, columns, threads=2).to_dict() == log.fold(key, columns, threads=1).to_dict()
    assert sum(n for n, _, _ in log.fold(Each("lines", "sku"), columns).values()) == sum(map(len, lines))


def test_a_pattern_stands_for_all_types_that_begin_so(log: EventLog) -> None:
    assert log.fold("book", {"n": Count("*")}).to_dict() == {}
    log.append("books.Added", {"book": 1, "title": "Emma"})
    log.append("books.Lent", {"book": 1})
    log.append("books.Opened", {"shop": 1})
    log.append("shelves.Stored", {"book": 1})
    log.append("books.Lent", {"book": None})
    assert log.fold("book", {"n": Count("books.*"), "all": Count("*")}).to_dict() == {1: (2, 3)}
    assert log.fold((), {"n": Count("books.*")})[1] == (4,)
    titles = Latest(Filtered("books.*", Where(title__isnull=False)), "title")
    assert log.fold("book", {"title": titles}, delete_on="shelves.*").to_dict() == {}
    assert log.fold("book", {"title": titles}).to_dict() == {1: ("Emma",)}


def test_each_type_has_its_own_key(log: EventLog) -> None:
    log.append("Added", {"id": 1, "title": "Emma"})
    log.append("Lent", {"book": 1})
    key = KeyOf(("Added", "id"), ("Lent", "book"))
    assert log.fold(key, {"title": Latest("Added", "title"), "lent": Count("Lent")}).to_dict() == {1: ("Emma", 1)}
    with pytest.raises(TypeError, match=r"KeyOf\(\) says nothing of Returned"):
        log.fold(key, {"n": Count("Returned")})
