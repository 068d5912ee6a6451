"""Random expressions: the native fold, replay and inline read models against a few lines of Python.

An event with expressions is for the oracle an event in which their values stand as fields; one that is taken apart by a
list is several.
"""

import json
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import NewEvent, _core

from . import oracle
from .library import Library, as_stored, as_text

ROWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Data = dict[str, Any]

FIELDS = {
    "n": {"kind": "integer", "keys": ["n"]},
    "m": {"kind": "integer", "keys": ["m"]},
    "price": {"kind": "decimal", "keys": ["price"], "places": 2},
    "x": {"kind": "real", "keys": ["x"]},
    "at": {"kind": "datetime", "keys": ["at"]},
    "tree": {"kind": "json", "keys": ["tree"]},
    "lines": {"kind": "json", "keys": ["lines"]},
}
PARTS = ["year", "iso_year", "quarter", "month", "week", "day", "week_day", "iso_week_day", "hour", "minute", "second"]

SMALL = st.integers(-20, 20)
LEAVES = (
    SMALL | st.none() | st.booleans() | st.sampled_from(["7", "-1.5", "2.0", "x", "", "1e2", "01"]) | st.floats(-9, 9)
)
TREES = st.fixed_dictionaries({}, optional={"a": LEAVES, "b": st.lists(LEAVES, max_size=3), "c\n": LEAVES})
LINES = st.lists(st.fixed_dictionaries({"k": st.integers(0, 3)}, optional={"v": LEAVES}), max_size=4)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "n": SMALL | st.none(),
        "m": SMALL | st.none(),
        "price": st.integers(-(10**5), 10**5).map(lambda units: f"{units / 100:.2f}") | st.none(),
        "x": st.floats(-1e6, 1e6) | st.none(),
        "at": st.datetimes(datetime(1600, 1, 1)).map(lambda moment: moment.isoformat() + "Z") | st.none(),
        "tree": TREES,
        "lines": LINES | st.none(),
        "Noise": TREES,
    },
)
STREAMS = st.sampled_from([None, "book-1", "book-2-x", "shop"])
EVENTS = st.lists(st.tuples(st.sampled_from(["E", "F"]), DATA, STREAMS), min_size=1, max_size=25)

PATHS = st.sampled_from([["a"], ["b", "0"], ["b", "1"], ["b"], ["c\n"], ["gone", "x"]])
TAKEN = PATHS.map(lambda path: ["cast", "integer", ["path", "tree", *path]])
WHOLE_LEAVES = st.sampled_from(["n", "m", ["value", 3], ["value", -2]]) | TAKEN
WHOLE: st.SearchStrategy[Any] = st.recursive(
    WHOLE_LEAVES | st.sampled_from(PARTS).map(lambda part: ["extract", part, "at"]),
    lambda inner: (
        st.tuples(st.sampled_from("+-*"), inner, inner).map(list)
        | st.tuples(st.sampled_from("/%"), inner, inner.map(lambda by: ["nullif", by, ["value", 0]])).map(list)
        | st.tuples(inner, inner).map(lambda parts: ["coalesce", *parts])
    ),
    max_leaves=5,
)
EACH = st.just(["cast", "integer", ["each", "lines", "v"]])
OF_EACH = EACH | st.tuples(st.sampled_from("+*"), EACH, WHOLE_LEAVES).map(list)
MONEY = st.tuples(
    st.sampled_from("+-*"), st.just("price"), st.sampled_from(["n", "price", ["value", 1.5, "decimal", 1]])
).map(list)
FLOATS = st.tuples(st.sampled_from("+-*"), st.just("x"), st.sampled_from(["n", "price", ["value", 0.5]])).map(list)
NAMES = st.sampled_from([["stream"], ["category"]])
KEYS = (
    st.just(["each", "lines", "k"])
    | NAMES.map(lambda name: ["coalesce", name, ["value", "none"]])
    | WHOLE.map(lambda whole: ["coalesce", ["%", whole, ["value", 4]], ["value", 9]])
    | st.just(["value", 1])
)


COLUMNS: list[tuple[str, st.SearchStrategy[Any]]] = [
    ("integer", WHOLE),
    ("integer", OF_EACH),
    ("decimal", MONEY),
    ("real", FLOATS),
    ("text", NAMES),
]


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    columns, derived = [], {}
    key = draw(KEYS)
    kind = "integer" if _core.expression_kind(json.dumps(FIELDS), json.dumps(key))[0] in ("integer", "any") else "text"
    derived["key"] = ["cast", kind, key] if key[0] == "each" else key
    for index in range(draw(st.integers(1, 4))):
        column_kind, expressions = draw(
            st.sampled_from(
                [("integer", WHOLE), ("integer", OF_EACH), ("decimal", MONEY), ("real", FLOATS), ("text", NAMES)]
            )
        )
        name = f"d{index}"
        derived[name] = draw(expressions)
        if column_kind == "decimal":
            derived[name] = ["cast", "decimal", derived[name], 3]
        operations = ["max", "latest", "first"] if column_kind == "text" else ["sum", "min", "max", "latest", "first"]
        operation = draw(st.sampled_from(operations))
        compared = draw(st.none() | st.sampled_from(["gt", "lt", "exact"])) if column_kind == "integer" else None
        options = [{"filter": [compared, name, draw(SMALL)]}] if compared else []
        columns.append(
            {
                "column": f"c{index}",
                "kind": column_kind,
                "op": operation,
                "from": [[event, name, *options] for event in draw(st.sampled_from([["E"], ["E", "F"]]))],
                "cleared_by": [],
                "initial": (0.0 if column_kind == "real" else 0) if operation == "sum" else None,
            }
            | ({"places": 3} if column_kind == "decimal" else {})
        )
    columns.append(
        {
            "column": "times",
            "kind": "integer",
            "op": "count",
            "from": [["E", None], ["F", None]],
            "cleared_by": [],
            "initial": 0,
        }
    )
    described = {**FIELDS, **{name: {"value": value} for name, value in derived.items()}}
    return {
        "name": "model",
        "table": "model",
        "key": [{"column": "k", "field": "key", "kind": kind}],
        "columns": columns,
        "delete_on": draw(st.sampled_from([[], [["F", ["exact", "n", 3]]]])),
        "handlers": [],
        "events": {"E": described, "F": described},
    }


def of_each(compiled: Any) -> bool:
    return isinstance(compiled, list) and (compiled[0] == "each" or any(map(of_each, compiled)))


def value_of(compiled: Any, data: Data, stream: str | None, element: Any) -> Any:
    """What an expression is; a decimal is a Decimal."""
    if isinstance(compiled, str):
        value = data.get(compiled)
        return Decimal(value) if compiled == "price" and value is not None else value
    done, *rest = compiled
    if done == "value":
        return Decimal(repr(rest[0])) if len(rest) > 1 else rest[0]
    if done == "stream":
        return stream
    if done == "category":
        return None if stream is None else stream.partition("-")[0]
    if done == "extract":
        return None if (moment := data.get(rest[1])) is None else part_of(datetime.fromisoformat(moment[:-1]), rest[0])
    if done == "path":
        return within(data.get(rest[0]), rest[1:])
    if done == "each":
        return within(element, rest[1:])
    if done == "cast":
        return taken(rest[0], value_of(rest[1], data, stream, element), rest[2:])
    values = [value_of(part, data, stream, element) for part in rest]
    if done == "coalesce":
        return next((value for value in values if value is not None), None)
    left, right = values
    if done == "nullif":
        return None if left == right else left
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        left, right = float(left), float(right)
    match done:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        case "%":
            return abs(left) % abs(right) * (-1 if left < 0 else 1)
    raise AssertionError(done)


def within(value: Any, path: list[str]) -> Any:
    for step in path:
        try:
            value = value[step] if isinstance(value, dict) else value[int(step)] if isinstance(value, list) else None
        except (KeyError, IndexError):
            return None
    return value


def taken(kind: str, value: Any, places: list[int]) -> Any:
    if kind == "decimal":
        unit = Decimal(1).scaleb(-places[0])
        return None if value is None else oracle.as_decimal(value.quantize(unit, ROUND_HALF_UP))
    if kind != "integer" or value is None:
        return value
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if isinstance(value, (list, dict)) or int(value) != value:
        return None
    return int(value)


def part_of(moment: datetime, part: str) -> int:
    calendar = moment.isocalendar()
    match part:
        case "iso_year":
            return calendar.year
        case "week":
            return calendar.week
        case "quarter":
            return (moment.month + 2) // 3
        case "iso_week_day":
            return calendar.weekday
        case "week_day":
            return calendar.weekday % 7 + 1
    return int(getattr(moment, part))


def as_plain(spec: dict[str, Any], events: list[Any]) -> tuple[dict[str, Any], list[oracle.Event]]:
    """The specification and the events with the values of expressions as fields.

    What happens for each element does so in an event of its own, of the type E[] or F[].
    """
    derived = {name: described["value"] for name, described in spec["events"]["E"].items() if "value" in described}
    by_element = of_each(derived["key"])

    def type_of(source: list[Any]) -> str:
        names = [source[1], *(more["filter"][1] for more in source[2:])]
        return source[0] + ("[]" if by_element or any(of_each(derived.get(name)) for name in names) else "")

    def deleting(selection: list[Any]) -> list[Any]:
        return [selection[0] + ("[]" if by_element else ""), *selection[1:]]

    fields = {name: {"kind": "any", "keys": [name]} for name in [*FIELDS, *derived]}
    plain = {
        **spec,
        "columns": [
            {**column, "from": [[type_of(source), *source[1:]] for source in column["from"]]}
            for column in spec["columns"]
        ],
        "delete_on": [deleting(selection) for selection in spec["delete_on"]],
        "events": dict.fromkeys(("E", "E[]", "F", "F[]"), fields),
    }
    result = []
    for position, (kind, data, stream) in enumerate(events, 1):
        taken_apart = any(map(of_each, derived.values()))
        for kind_of_part, element in [(kind, None)] + [
            (f"{kind}[]", line) for line in (data.get("lines") or []) if taken_apart
        ]:
            values = {name: value_of(value, data, stream, element) for name, value in derived.items()}
            result.append((kind_of_part, {"n": data.get("n"), **values}, position, ""))
    return plain, result


@ROWS
@given(spec=specs(), events=EVENTS, threads=st.sampled_from([1, 2]), size=st.integers(1, 6))
def test_fold_replay_and_inline_rows_are_those_of_the_oracle(
    library: Library, spec: dict[str, Any], events: list[Any], threads: int, size: int
) -> None:
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    for at in range(0, len(events), size):
        batch = _core.encode_events([NewEvent(*event) for event in events[at : at + size]])
        library.log._log.append(batch, read_models=read_models)
    plain, parts = as_plain(spec, events)
    expected = as_stored(spec, oracle.fold(plain, parts))
    assert as_text(library.fold(spec, threads)) == as_text(expected)
    assert as_text(library.table(spec)) == as_text(expected)
    unchanged = library.replay(spec)
    assert (unchanged["inserted"], unchanged["updated"], unchanged["deleted"]) == (0, 0, 0)


@settings(ROWS, max_examples=60)
@given(first=specs(), second=specs(), events=EVENTS)
def test_projections_that_are_replayed_together_have_the_rows_of_each(
    library: Library, first: dict[str, Any], second: dict[str, Any], events: list[Any]
) -> None:
    library.start(first)
    library.log.append([NewEvent(*event) for event in events])
    replays = [_core.Replay(library.log._log, json.dumps(spec), None) for spec in (second, first, second)]
    _core.scan_together(library.log._log, replays)
    replays[1].write()
    plain, parts = as_plain(first, events)
    assert as_text(library.table(first)) == as_text(as_stored(first, oracle.fold(plain, parts)))
