"""Random specifications and events that fit them."""

from typing import Any

from hypothesis import strategies as st

TYPES = ["Added", "Borrowed", "Returned", "Removed", "Noise"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.integers(-1000, 1000)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
# Each field of the events, and what it may hold. `late` is often missing, `old_name` is a former name of `named`.
FIELDS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "number": ("integer", st.none() | NUMBERS),
    "large": ("any", st.none() | st.integers() | TEXTS),
    "text": ("text", st.none() | TEXTS),
    "real": ("real", st.none() | FLOATS),
    "flag": ("boolean", st.none() | st.booleans()),
    "late": ("integer", st.none() | NUMBERS),
    "named": ("text", st.none() | TEXTS),
}
OPERATIONS = {
    "number": ["sum", "min", "max", "first", "latest"],
    "large": ["latest"],
    "text": ["min", "max", "first", "latest"],
    "real": ["sum", "min", "max", "first", "latest"],
    "flag": ["first", "latest"],
    "late": ["sum", "min", "max", "first", "latest"],
    "named": ["first", "latest"],
}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.sampled_from([["book"], ["place"], ["book", "place"]]))
    events = {
        kind: {
            "book": {"kind": "integer", "keys": ["book"]},
            "place": {"kind": "text", "keys": ["place"]},
            **{name: {"kind": description[0], "keys": [name]} for name, description in FIELDS.items()},
            "late": {"kind": "integer", "keys": ["late"], "default": 5},
            "named": {"kind": "text", "keys": ["named", "old_name"]},
        }
        for kind in TYPES[:4]
    }
    columns = []
    for index in range(draw(st.integers(1, 5))):
        cleared_by = draw(st.lists(st.sampled_from(TYPES[:4]), max_size=1))
        sources = draw(st.lists(st.sampled_from(TYPES[:3]), min_size=1, max_size=2, unique=True))
        if draw(st.booleans()):
            columns.append(column(index, "integer", "count", [[kind, None] for kind in sources], cleared_by, 0))
            continue
        field = draw(st.sampled_from(sorted(FIELDS)))
        op = draw(st.sampled_from(OPERATIONS[field]))
        kind = FIELDS[field][0]
        initial = {"real": 0.0, "integer": 0}[kind] if op == "sum" else None
        columns.append(column(index, kind, op, [[source, field] for source in sources], cleared_by, initial))
    return {
        "name": "model",
        "table": "model",
        "key": [{"column": name, "field": name, "kind": "integer" if name == "book" else "text"} for name in keys],
        "columns": columns,
        "delete_on": draw(st.sampled_from([[], ["Removed"]])),
        "handlers": [],
        "events": events,
    }


def column(index: int, kind: str, op: str, sources: list[Any], cleared_by: list[str], initial: Any) -> dict[str, Any]:
    return {
        "column": f"c{index}",
        "kind": kind,
        "op": op,
        "from": sources,
        "cleared_by": cleared_by,
        "initial": initial,
    }


@st.composite
def events(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from(TYPES))
    data: dict[str, Any] = {"book": draw(st.integers(1, 3)), "place": draw(st.sampled_from(["a", "b", 'č\n"\\']))}
    for name, (_, values) in FIELDS.items():
        if draw(st.integers(0, 3)):
            data["old_name" if name == "named" and draw(st.booleans()) else name] = draw(values)
    if draw(st.integers(0, 9)) == 0:  # another order of keys than the events before
        data = dict(reversed(data.items()))
    return kind, data
