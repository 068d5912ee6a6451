"""Random specifications with columns that hold many values, events for them, and what they should come to."""

from typing import Any

from hypothesis import strategies as st

from . import oracle, strategies

Column = dict[str, Any]
EMPTY = {"list": "[]", "set": "[]", "top": "[]", "histogram": "{}"}
TYPES = ["Added", "Borrowed", "Returned"]
LABEL = "text"
MIXED = (
    st.integers(-3, 12) | st.integers(-9, 9).map(lambda units: units / 4) | st.sampled_from(["", "a", "Ž", "10", "-"])
)
# Each field of the events: its kind, what it may hold, and what may be made of it.
FIELDS: dict[str, tuple[str, st.SearchStrategy[Any], list[str]]] = {
    "number": ("integer", st.integers(-3, 12) | strategies.INTEGERS, ["list", "set", "histogram", "top"]),
    "text": ("text", st.sampled_from(["a", "ab", 'Ž"\n', ""]) | strategies.TEXTS, ["list", "set", "histogram", "top"]),
    "real": ("real", strategies.FLOATS, ["list", "set", "top"]),
    "boolean": ("boolean", st.booleans(), ["list", "set", "histogram", "top"]),
    "amount": ("decimal", strategies.DECIMALS, ["list", "set", "top"]),
    "moment": ("datetime", strategies.MOMENTS, ["list", "set", "histogram", "top"]),
    "mixed": ("any", MIXED | st.booleans() | st.integers(2**63, 2**64), ["list", "set", "histogram", "top"]),
    "nested": ("any", strategies.TREES, ["list"]),
    "tree": ("json", strategies.TREES, ["list"]),
}


@st.composite
def columns(draw: st.DrawFn, index: int) -> Column:
    field = draw(st.sampled_from(sorted(FIELDS)))
    op = draw(st.sampled_from(FIELDS[field][2]))
    label = draw(st.sampled_from([{}, {"label": LABEL}])) if op == "top" else {}
    sources = []
    for kind in draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3)):
        sign = draw(st.sampled_from([{}, {"sign": -1}])) if op == "histogram" else {}
        filters = draw(st.sampled_from([{}, {"filter": ["gt", "number", 2]}, {"filter": ["isnull", field, False]}]))
        if field in ("nested", "tree"):
            filters = {}
        sources.append([kind, field, {**label, **sign, **filters}])
    cleared_by = draw(st.lists(st.sampled_from([*TYPES, ["Returned", ["gt", "number", 2]]]), max_size=1))
    column = {
        "column": f"c{index}",
        "kind": "json",
        "op": op,
        "from": sources,
        "cleared_by": cleared_by,
        "initial": draw(st.sampled_from([EMPTY[op], None])),
    }
    if op != "histogram":
        column["limit"] = draw(st.sampled_from([1, 2, 3, 50]))
    if field == "moment" and draw(st.booleans()):
        column["trunc"] = draw(st.sampled_from(["year", "month", "day", "hour"]))
    return column


@st.composite
def scenarios(draw: st.DrawFn, min_size: int = 0) -> tuple[dict[str, Any], list[Any]]:
    """A specification, and events with the fields that it reads."""
    made = [draw(columns(index)) for index in range(draw(st.integers(1, 3)))]
    described = {name: {"kind": kind, "keys": [name]} for name, (kind, _, _) in FIELDS.items()}
    described["amount"]["places"] = 2
    described["key"] = {"kind": "integer", "keys": ["key"]}
    spec = {
        "name": "model",
        "table": "model",
        "key": [{"column": "key", "field": "key", "kind": "integer"}],
        "columns": made,
        "delete_on": draw(st.sampled_from([[], ["Removed"]])),
        "handlers": [],
        "events": dict.fromkeys([*TYPES, "Removed"], described),
    }
    size = max(min_size, draw(st.sampled_from([0, 12, 20])))  # Hypothesis alone makes short lists
    return spec, draw(st.lists(events(read_by(made)), min_size=size, max_size=30))


def read_by(made: list[Column]) -> set[str]:
    """Return the fields that columns are made of."""
    fields = {field for column in made for _, field, _ in column["from"]}
    return fields | {more["label"] for column in made for *_, more in column["from"] if "label" in more} | {"number"}


@st.composite
def events(draw: st.DrawFn, names: set[str]) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from([*TYPES, *TYPES, *TYPES, "Removed", "Noise"]))
    values = {name: draw(values | st.none()) for name, (_, values, _) in FIELDS.items() if name in names}
    return kind, {"key": draw(st.integers(0, 1)), **values}


def fold(spec: dict[str, Any], events: list[oracle.Event]) -> oracle.Rows:
    """What the columns hold, as Python has it; the order of a histogram's values counts."""
    rows: dict[int, dict[str, Any]] = {}
    for event in events:
        key = event[1].get("key")
        assert isinstance(key, int) or event[0] == "Noise"
        if any(oracle.selects(spec, event, each) for each in spec["delete_on"]):
            rows.pop(key, None)
        for column in spec["columns"]:
            if key in rows and any(oracle.selects(spec, event, each) for each in column["cleared_by"]):
                rows[key][column["column"]] = begun(column)
        for column in spec["columns"]:
            for kind, field, more in column["from"]:
                if not oracle.selects(spec, event, [kind, *([more["filter"]] if "filter" in more else [])]):
                    continue
                row = rows.setdefault(key, {each["column"]: begun(each) for each in spec["columns"]})
                value = oracle.value_of(spec, event, field)
                if value is not None and "trunc" in column:
                    kept = "datetime" if column["trunc"] == "hour" else "date"
                    value = oracle.key_of({"trunc": column["trunc"], "kind": kept}, value)
                label = oracle.value_of(spec, event, more["label"]) if "label" in more else None
                add(column, row, value, label, more.get("sign", 1))
    return {key: tuple(shown(column, row[column["column"]]) for column in spec["columns"]) for key, row in rows.items()}


def begun(column: Column) -> Any:
    return None if column["initial"] is None else {} if column["op"] == "histogram" else []


def add(column: Column, row: dict[str, Any], value: Any, label: Any, sign: int) -> None:
    name, op = column["column"], column["op"]
    if value is None and op in ("histogram", "top"):
        return
    held = row[name] if row[name] is not None else {} if op == "histogram" else []
    if op == "list":
        row[name] = [*held, value][-column["limit"] :]
    elif op == "set":
        same = any(each == value and (each is None) == (value is None) for each in held)
        row[name] = sorted(held if same else [*held, value], key=order)[: column["limit"]]
    elif op == "top":
        # stable: of equal values the earlier comes first
        row[name] = sorted([*held, (value, label)], key=lambda pair: order(pair[0]), reverse=True)[: column["limit"]]
    else:
        text = value if isinstance(value, str) else str(value).lower()
        row[name] = {**held, text: held.get(text, 0) + sign}


def order(value: Any) -> tuple[int, Any]:
    return (0, 0) if value is None else oracle.rank(value)


def shown(column: Column, held: Any) -> Any:
    if held is None:
        return None
    if column["op"] == "top":
        labelled = any("label" in more for _, _, more in column["from"])
        return [[value, label] if labelled else value for value, label in held]
    if column["op"] == "histogram":
        return {text: held[text] for text in sorted(held, key=by_number) if held[text]}
    return held


def by_number(text: str) -> tuple[int, int, bytes]:
    digits = text.removeprefix("-")
    whole = digits.isascii() and digits.isdigit() and len(digits) <= 18 and (digits[0] != "0" or text == "0")
    return (0, int(text), b"") if whole else (1, 0, text.encode())
