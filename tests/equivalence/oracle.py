"""What a fold means, in as little Python as possible: the native one must agree with it."""

from typing import Any

Event = tuple[str, dict[str, Any]]  # type, data


def rank(value: Any) -> tuple[int, Any]:
    """SQLite's order: numbers before texts."""
    return (1, value) if isinstance(value, (int, float)) else (2, str(value).encode())


def combine(op: str, current: Any, value: Any, initial: Any) -> Any:
    if op == "count":
        return current + 1
    if op == "latest":
        return value
    if value is None:
        return current
    if op == "sum":
        return (current or 0) + value
    if op == "first":
        return value if current == initial and type(current) is type(initial) else current
    if current is None:
        return value
    return min(current, value, key=rank) if op == "min" else max(current, value, key=rank)


def fold(spec: dict[str, Any], events: list[Event]) -> dict[Any, tuple[Any, ...]]:
    rows: dict[Any, list[Any]] = {}
    makers = {source[0] for column in spec["columns"] for source in column["from"]} | set(spec["handlers"])
    for kind, data in events:
        if kind not in spec["events"]:
            continue
        key = tuple(data[part["field"]] for part in spec["key"])
        if kind in spec["delete_on"]:
            rows.pop(key, None)
        row = rows.get(key)
        if row is not None:
            for index, column in enumerate(spec["columns"]):
                if kind in column["cleared_by"]:
                    row[index] = column["initial"]
        if kind not in makers:
            continue
        row = rows.setdefault(key, [column["initial"] for column in spec["columns"]])
        for index, column in enumerate(spec["columns"]):
            for source, field in column["from"]:
                if source == kind:
                    value = None if field is None else value_of(spec, kind, field, data)
                    row[index] = combine(column["op"], row[index], value, column["initial"])
    return {key[0] if len(key) == 1 else key: tuple(row) for key, row in rows.items()}


def value_of(spec: dict[str, Any], kind: str, field: str, data: dict[str, Any]) -> Any:
    description = spec["events"][kind][field]
    for key in description["keys"]:
        if key in data:
            return data[key]
    return description.get("default")
