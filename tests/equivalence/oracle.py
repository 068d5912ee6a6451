"""What a fold means, in as little Python as possible: the native one must agree with it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

Event = tuple[str, dict[str, Any], int, str]  # type, data, position, created as it is stored
Rows = dict[Any, tuple[Any, ...]]


def fold(
    spec: dict[str, Any], events: list[Event], handler: Callable[[dict[str, Any], Event], None] | None = None
) -> Rows:
    columns = spec["columns"]
    rows: dict[Any, dict[str, Any]] = {}
    makers = {source[0] for column in columns for source in column["from"]} | set(spec["handlers"])
    for event in events:
        kind = event[0]
        if kind not in spec["events"]:
            continue
        key = tuple(value_of(spec, event, part["field"]) for part in spec["key"])
        if kind in spec["delete_on"]:
            rows.pop(key, None)
        for column in columns:
            if key in rows and kind in column["cleared_by"]:
                rows[key][column["column"]] = column["initial"]
        if kind not in makers:
            continue
        row = rows.setdefault(key, {column["column"]: column["initial"] for column in columns})
        for column in columns:
            for source, field in column["from"]:
                if source == kind:
                    value = None if field is None else value_of(spec, event, field)
                    row[column["column"]] = combine(column, row[column["column"]], value)
        if kind in spec["handlers"] and handler is not None:
            handler(row, event)
    return {key[0] if len(key) == 1 else key: tuple(row.values()) for key, row in rows.items()}


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
