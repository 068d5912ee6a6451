"""Random specifications and events that fit them."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from . import oracle

TYPES = ["Added", "Borrowed", "Returned", "Removed", "Noise"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.integers(-1000, 1000)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.integers(-(10**9), 10**9).map(lambda units: f"{units / 100:.2f}")
DATES = st.dates().map(str)
TIMES = st.times().map(str)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ORDERED = ["min", "max", "first", "latest"]
# Each field of the events: its kind, what it may hold, and what may be done with it. `late` is often missing,
# `old_name` is a former name of `named`.
FIELDS: dict[str, tuple[str, st.SearchStrategy[Any], list[str]]] = {
    "number": ("integer", NUMBERS, ["sum", *ORDERED]),
    "wide": ("integer", INTEGERS, ORDERED),
    "large": ("any", st.integers() | FLOATS | TEXTS | st.booleans(), ORDERED),
    "some": ("any", NUMBERS | st.floats(-100, 100) | st.booleans(), ["sum"]),
    "nested": ("any", TREES, ["latest"]),
    "text": ("text", TEXTS, ORDERED),
    "real": ("real", FLOATS | st.integers(), ["sum", *ORDERED]),
    "flag": ("boolean", st.booleans(), ["first", "latest"]),
    "amount": ("decimal", DECIMALS, ["sum", *ORDERED]),
    "date": ("date", DATES, ORDERED),
    "time": ("time", TIMES, ORDERED),
    "moment": ("datetime", MOMENTS, ORDERED),
    "span": ("duration", NUMBERS, ["sum", *ORDERED]),
    "identity": ("uuid", st.uuids().map(str), ORDERED),
    "tree": ("json", TREES, ["latest"]),
    "raw": ("binary", st.binary(max_size=8).map(bytes.hex), ORDERED),
    "late": ("integer", NUMBERS, ["sum", *ORDERED]),
    "named": ("text", TEXTS, ["first", "latest"]),
    "position": ("integer", st.nothing(), ORDERED),
    "created": ("datetime", st.nothing(), ORDERED),
}
KEYS: dict[str, tuple[str, list[Any]]] = {
    "book": ("integer", [1, 2, -(2**63)]),
    "place": ("text", ["", "a", 'č\n"\\']),
    "day": ("date", ["2024-02-29", "0001-01-01"]),
    "at": ("datetime", ["2024-02-29T23:59:59.5Z", "2024-02-29T00:00:00Z", "2023-12-31T12:30:00.000001Z"]),
    "owner": ("uuid", ["00000000-0000-0000-0000-000000000000", "0123abcd-0000-0000-0000-0123456789ab"]),
}


def described(kind: str, name: str) -> dict[str, Any]:
    if name == "late":
        return {"kind": kind, "keys": ["late"], "default": 5}
    if name == "named":
        return {"kind": kind, "keys": ["named", "old_name"]}
    return {"kind": kind, "keys": [name]} | ({"places": 2} if kind == "decimal" else {})


MOMENTS_BETWEEN = ["1970-01-01 00:00:00", "9999-12-31 23:59:59"]
NOT_COMPARED = {"nested", "tree", "raw", "owner", "identity", "moment", "at"}  # or in another form than in JSON
PSEUDO_FIELDS = {"position", "created"}
KINDS = {name: described[0] for name, described in FIELDS.items()} | {
    name: described[0] for name, described in KEYS.items()
}
EVENT = {name: described(kind, name) for name, kind in KINDS.items() if name not in PSEUDO_FIELDS}


@st.composite
def specs(draw: st.DrawFn, stored: bool = False, handlers: bool = False) -> dict[str, Any]:
    """`stored`: only what a table can give back as it was; one without types takes true for 1."""
    keys = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2, unique=True))
    columns = []
    for index in range(draw(st.integers(1, 5))):
        cleared_by = draw(st.lists(st.sampled_from(TYPES[:4]), max_size=1))
        cleared_by = [draw(selections(kind)) for kind in cleared_by]
        sources = draw(st.lists(st.sampled_from(TYPES[:3]), min_size=1, max_size=2, unique=True))
        filters = [draw(st.just({}) | conditions().map(lambda each: {"filter": each})) for _ in sources]
        if draw(st.integers(0, 4)) == 0:
            counted = [[kind, None, *([more] if more else [])] for kind, more in zip(sources, filters, strict=True)]
            columns.append(column(index, "integer", "count", counted, cleared_by))
            continue
        field = draw(st.sampled_from(sorted(FIELDS.keys() - {"nested"} if stored else FIELDS)))
        kind, _, operations = FIELDS[field]
        op = draw(st.sampled_from(["latest"] if stored and field == "large" else operations))
        taken = []
        for source, more in zip(sources, filters, strict=True):
            sign = draw(st.sampled_from([{}, {"sign": 1}, {"sign": -1}, {"constant": 7}])) if op == "sum" else {}
            taken.append([source, None if "constant" in sign else field, *([more | sign] if more or sign else [])])
        columns.append(column(index, kind, op, taken, cleared_by))
    if handlers:
        columns.append(column(len(columns), "text", "handler", [], []))
    delete_on = [draw(selections("Removed"))] if draw(st.booleans()) else []
    read = sorted({*keys, *used(columns), *looked_at(delete_on)} - PSEUDO_FIELDS)
    return {
        "name": "model",
        "table": "model",
        "key": [draw(key_parts(name)) for name in keys],
        "columns": columns,
        "delete_on": delete_on,
        "handlers": draw(st.lists(st.sampled_from(TYPES[:4]), min_size=1, unique=True)) if handlers else [],
        "events": {kind: {name: EVENT[name] for name in read} for kind in TYPES[:4]},
    }


@st.composite
def key_parts(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A field of the events, or a span of time in which it, or the event, lies."""
    kind = KEYS[name][0]
    if kind not in ("date", "datetime") or draw(st.booleans()):
        return {"column": name, "field": name, "kind": kind}
    units = ["year", "month", "day"] if kind == "date" else ["year", "month", "day", "hour"]
    unit = draw(st.sampled_from(units))
    field = draw(st.sampled_from([name, "created"])) if kind == "datetime" else name
    kept = "datetime" if unit == "hour" else draw(st.sampled_from(["date", "datetime"]))
    return {"column": name, "field": field, "kind": kept, "trunc": unit}


def used(columns: list[dict[str, Any]]) -> list[str]:
    """Return the fields that columns are made of, and those that their conditions look at."""
    fields = {source[1] for column in columns for source in column["from"] if source[1] is not None}
    options = [more for column in columns for source in column["from"] for more in source[2:]]
    filters = [[None, more["filter"]] for more in options if "filter" in more]
    return sorted(fields | looked_at([*filters, *(each for column in columns for each in column["cleared_by"])]))


def looked_at(selections: list[Any]) -> set[str]:
    """Return the fields of the conditions in "delete_on" or "cleared_by"."""

    def fields(condition: list[Any]) -> set[str]:
        parts = condition[1:] if condition[0] in ("and", "or", "not") else []
        return set().union(*map(fields, parts)) if parts else {condition[1]}

    return {field for each in selections if not isinstance(each, str) for field in fields(each[1])}


def selections(kind: str) -> st.SearchStrategy[Any]:
    """All events of a type, or those of a condition."""
    return st.just(kind) | conditions().map(lambda condition: [kind, condition])


def conditions() -> st.SearchStrategy[list[Any]]:
    return st.recursive(
        comparisons(),
        lambda inner: (
            inner.map(lambda part: ["not", part]) | st.tuples(st.sampled_from(["and", "or"]), inner, inner).map(list)
        ),
        max_leaves=4,
    )


@st.composite
def comparisons(draw: st.DrawFn) -> list[Any]:
    """One comparison, with values as the core has them."""
    field = draw(st.sampled_from(sorted(KEYS)) | st.sampled_from(sorted(KINDS)))
    if field in NOT_COMPARED or draw(st.integers(0, 7)) == 0:
        return ["isnull", field, draw(st.booleans())]
    values = wanted_values(field)
    tests = ["exact", "in", "gt", "gte", "lt", "lte"]
    if KINDS[field] in ("text", "any"):
        tests += ["startswith", "endswith", "contains"]
    test = draw(st.sampled_from(tests))
    if test == "in":
        return [test, field, draw(st.lists(values, max_size=4))]
    return [test, field, draw(TEXTS if test in tests[6:] else values)]


def wanted_values(field: str) -> st.SearchStrategy[Any]:
    if field in KEYS:
        return st.sampled_from(KEYS[field][1])
    if field == "position":
        return st.integers(-1, 30)
    if field == "created":
        return st.sampled_from(MOMENTS_BETWEEN)
    if field == "amount":
        return DECIMALS.map(lambda text: oracle.as_decimal(Decimal(text)))
    return FIELDS[field][1].filter(lambda value: not isinstance(value, int) or -(2**63) <= value < 2**63)


def column(index: int, kind: str, op: str, sources: list[Any], cleared_by: list[str]) -> dict[str, Any]:
    initial = {"sum": 0.0 if kind == "real" else 0, "count": 0}.get(op)
    described = {"column": f"c{index}", "kind": kind, "op": op, "from": sources, "cleared_by": cleared_by}
    return described | {"initial": initial} | ({"places": 2} if kind == "decimal" else {})


@st.composite
def events(draw: st.DrawFn, names: list[str]) -> tuple[str, dict[str, Any]]:
    """One event, with most of the fields of these names and one of the others."""
    kind = draw(st.sampled_from(TYPES))
    data: dict[str, Any] = {name: draw(st.sampled_from(values)) for name, (_, values) in KEYS.items()}
    absent = draw(st.sets(st.sampled_from([*names, "-", "--", "---"]), max_size=2))
    for name in sorted({*names, draw(st.sampled_from(sorted(FIELDS)))} - absent - PSEUDO_FIELDS):
        values = FIELDS[name][1]
        data["old_name" if name == "named" and draw(st.booleans()) else name] = draw(values | st.none())
    if draw(st.integers(0, 9)) == 0:  # another order of keys than the events before
        data = dict(reversed(data.items()))
    return kind, data


@st.composite
def scenarios(
    draw: st.DrawFn, min_size: int = 0, stored: bool = False, handlers: bool = False
) -> tuple[dict[str, Any], list[Any]]:
    """A specification, and events with the fields that it reads."""
    spec = draw(specs(stored, handlers))
    size = max(min_size, draw(st.sampled_from([0, 10])))  # Hypothesis alone makes short lists
    names = sorted({*used(spec["columns"]), *looked_at(spec["delete_on"])} - KEYS.keys())
    return spec, draw(st.lists(events(names), min_size=size, max_size=30))
