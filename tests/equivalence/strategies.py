"""Random specifications and events that fit them."""

from typing import Any

from hypothesis import strategies as st

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
    "owner": ("uuid", ["00000000-0000-0000-0000-000000000000", "0123abcd-0000-0000-0000-0123456789ab"]),
}


def described(kind: str, name: str) -> dict[str, Any]:
    if name == "late":
        return {"kind": kind, "keys": ["late"], "default": 5}
    if name == "named":
        return {"kind": kind, "keys": ["named", "old_name"]}
    return {"kind": kind, "keys": [name]} | ({"places": 2} if kind == "decimal" else {})


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
        sources = draw(st.lists(st.sampled_from(TYPES[:3]), min_size=1, max_size=2, unique=True))
        if draw(st.integers(0, 4)) == 0:
            columns.append(column(index, "integer", "count", [[kind, None] for kind in sources], cleared_by))
            continue
        field = draw(st.sampled_from(sorted(FIELDS.keys() - {"nested"} if stored else FIELDS)))
        kind, _, operations = FIELDS[field]
        op = draw(st.sampled_from(["latest"] if stored and field == "large" else operations))
        columns.append(column(index, kind, op, [[source, field] for source in sources], cleared_by))
    if handlers:
        columns.append(column(len(columns), "text", "handler", [], []))
    read = sorted({*keys, *used(columns)} - PSEUDO_FIELDS)
    return {
        "name": "model",
        "table": "model",
        "key": [{"column": name, "field": name, "kind": KEYS[name][0]} for name in keys],
        "columns": columns,
        "delete_on": draw(st.sampled_from([[], ["Removed"]])),
        "handlers": draw(st.lists(st.sampled_from(TYPES[:4]), min_size=1, unique=True)) if handlers else [],
        "events": {kind: {name: EVENT[name] for name in read} for kind in TYPES[:4]},
    }


def used(columns: list[dict[str, Any]]) -> list[str]:
    """Return the fields that columns are made of."""
    return sorted({field for column in columns for _, field in column["from"] if field is not None})


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
    return spec, draw(st.lists(events(used(spec["columns"])), min_size=size, max_size=30))
