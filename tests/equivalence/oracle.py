"""What a fold means, in as little Python as possible: the native one must agree with it."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

Event = tuple[str, dict[str, Any], int, str]  # type, data, position, created as it is stored
Rows = dict[Any, tuple[Any, ...]]


def fold(
    spec: dict[str, Any], events: list[Event], handler: Callable[[dict[str, Any], Event], None] | None = None
) -> Rows:
    columns = spec["columns"]
    rows: dict[Any, dict[str, Any]] = {}
    for event in events:
        kind = event[0]
        if kind not in spec["events"]:
            continue
        deleted = any(selects(spec, event, selection) for selection in spec["delete_on"])
        cleared = [column for column in columns if any(selects(spec, event, each) for each in column["cleared_by"])]
        given = [
            (column, source[1], source[2] if source[2:] else {})
            for column in columns
            for source in column["from"]
            if selects(spec, event, [source[0], *(more["filter"] for more in source[2:] if "filter" in more)])
        ]
        handled = kind in spec["handlers"]
        if not (deleted or cleared or given or handled):
            continue
        key = tuple(key_of(part, value_of(spec, event, part["field"])) for part in spec["key"])
        if deleted:
            rows.pop(key, None)
        for column in cleared:
            if key in rows:
                rows[key][column["column"]] = column["initial"]
        if not (given or handled):
            continue
        row = rows.setdefault(key, {column["column"]: column["initial"] for column in columns})
        for column, field, more in given:
            value = more.get("constant") if field is None else value_of(spec, event, field)
            if "sign" in more and value is not None:
                value *= more["sign"]
            row[column["column"]] = combine(column, row[column["column"]], value)
        if handled and handler is not None:
            handler(row, event)
    return {key[0] if len(key) == 1 else key: tuple(row.values()) for key, row in rows.items()}


def key_of(part: dict[str, Any], value: Any) -> Any:
    """The value, or the span of time in which it lies, by its beginning."""
    if "trunc" not in part:
        return value
    moment = datetime.fromisoformat(value)
    match part["trunc"]:
        case "year":
            moment = datetime(moment.year, 1, 1)
        case "month":
            moment = datetime(moment.year, moment.month, 1)
        case "day":
            moment = datetime(moment.year, moment.month, moment.day)
        case "hour":
            moment = datetime(moment.year, moment.month, moment.day, moment.hour)
    return str(moment) if part["kind"] == "datetime" else str(moment.date())


def selects(spec: dict[str, Any], event: Event, selection: Any) -> bool:
    """Is the event of this type, and, where there is a condition, is that true?"""
    kind, *conditions = [selection] if isinstance(selection, str) else selection
    return kind == event[0] and all(truth(spec, event, condition) is True for condition in conditions)


def truth(spec: dict[str, Any], event: Event, condition: list[Any]) -> bool | None:
    """As in SQL; None is unknown."""
    match condition:
        case ["not", part]:
            inner = truth(spec, event, part)
            return None if inner is None else not inner
        case ["and", *parts]:
            truths = [truth(spec, event, part) for part in parts]
            return False if False in truths else None if None in truths else True
        case ["or", *parts]:
            truths = [truth(spec, event, part) for part in parts]
            return True if True in truths else None if None in truths else False
        case ["isnull", field, wanted]:
            return (value_of(spec, event, field) is None) is wanted
        case ["in", field, values]:
            truths = [truth(spec, event, ["exact", field, value]) for value in values]
            return True if True in truths else None if None in truths else False
    test, field, wanted = condition
    value = value_of(spec, event, field)
    if value is None:
        return None
    if test == "exact":
        return comparable(value, wanted) and value == wanted
    if not comparable(value, wanted):
        return None
    match test:
        case "gt" | "gte" | "lt" | "lte":
            left, right = rank(value), rank(wanted)
            return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[test]
        case "startswith":
            return isinstance(value, str) and value.startswith(wanted)
        case "endswith":
            return isinstance(value, str) and value.endswith(wanted)
        case "contains":
            return isinstance(value, str) and wanted in value
    raise AssertionError(test)


def comparable(left: Any, right: Any) -> bool:
    """Both are numbers, or both texts."""
    return any(isinstance(left, types) and isinstance(right, types) for types in ((int, float), str))


def combine(column: dict[str, Any], current: Any, value: Any) -> Any:
    match column["op"]:
        case "count":
            return current + 1
        case "latest":
            return value
        case _ if value is None:
            return current
        case "sum" if column["kind"] == "decimal":
            places = Decimal(1).scaleb(-column["places"])
            parts = (Decimal(repr(part or 0)).quantize(places) for part in (current, value))
            return as_decimal(sum(parts, Decimal(0)))
        case "sum":
            return value if current is None else current + value
        case "first":  # unset is what equals the initial value: a stored row says no more
            return value if current == column["initial"] and type(current) is type(column["initial"]) else current
        case _ if current is None:
            return value
        case "min":
            return min(current, value, key=rank)
        case "max":
            return max(current, value, key=rank)


def rank(value: Any) -> tuple[int, Any]:
    """SQLite's order: numbers, then texts by their bytes, then blobs."""
    if isinstance(value, bytes):
        return (3, value)
    return (1, value) if isinstance(value, (int, float)) else (2, str(value).encode())


def value_of(spec: dict[str, Any], event: Event, field: str) -> Any:
    """The value of a field as a column of its kind stores it; a list or an object stays what it is."""
    kind, data, position, created = event
    if field in ("position", "created"):
        return position if field == "position" else created
    described = spec["events"][kind][field]
    value = next((data[key] for key in described["keys"] if key in data), described.get("default"))
    if value is None:
        return None
    match described["kind"]:
        case "real":
            return float(value)
        case "decimal":
            return as_decimal(Decimal(value))
        case "datetime":
            return value.replace("T", " ").removesuffix("Z")
        case "uuid":
            return value.replace("-", "")
        case "binary":
            return bytes.fromhex(value)
        case _:
            return value


def as_decimal(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)
