"""The SQL of an event type's view on the log: one column a field, in exactly the form that Django's own column has.

SQLite gives a view's column the affinity of its expression, so each is a CAST, as the type of Django's column says;
without it a comparison with a parameter of another type would find nothing. An indexed field is its slot column, bare,
since only that can use an index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

VIEW_VERSION = 1
"""Part of each view's hash: to be raised when this file makes another view out of the same class."""

_AFFINITY = {
    "text": "TEXT",
    "integer": "INTEGER",
    "real": "REAL",
    "boolean": "NUMERIC",
    "decimal": "NUMERIC",
    "date": "TEXT",
    "time": "TEXT",
    "datetime": "TEXT",
    "duration": "INTEGER",
    "uuid": "TEXT",
    "json": "TEXT",
    "binary": "BLOB",
}
_EVERY_BYTE = f"x'{bytes(range(256)).hex()}'"
_DIGITS = "'0123456789abcdef'"
_STEP = 512  # hexadecimal digits that are cut out at a time: substr() on a long text counts from its start


@dataclass(frozen=True)
class Column:
    """A field as the view shows it."""

    name: str
    kind: str
    keys: tuple[str, ...]
    """Its key in `data`, then those it had before it was renamed, latest first."""
    default: Any = None
    """What an event shows that has none of the keys: the JSON value of a field that was added later."""
    slot: int | None = None
    former_kinds: tuple[str, ...] = ()
    """Other kinds that recorded events have it in, where its type was changed."""


def create_view(name: str, label: str, type_id: int, columns: Sequence[Column], *, use_tz: bool, unhex: bool) -> str:
    """Return the CREATE VIEW of an event type. `unhex`: whether this SQLite has that function (3.41)."""
    lines = [f"position, {created_expression(use_tz)} AS created"]
    lines += [f"{column_expression(column, unhex)} AS {quote_name(column.name)}" for column in columns]
    return (
        f"CREATE VIEW {quote_name(name)} AS -- eventfold: {label}\n"
        f"SELECT {chr(10).join([lines[0], *(f', {line}' for line in lines[1:])])}\n"
        f"FROM eventfold_event WHERE type_id = {type_id}"
    )


def create_triggers(name: str, label: str) -> list[str]:
    """Return the triggers that refuse to change the view: without them SQLite would lose an INSERT in silence."""
    messages = {
        "INSERT": f"eventfold: append a {label} by its class, or by EventLog in a migration",
        "UPDATE": f"eventfold: a recorded {label} cannot be changed",
        "DELETE": f"eventfold: a recorded {label} cannot be deleted",
    }
    return [
        f"CREATE TRIGGER {quote_name(f'{name}_no_{action.lower()}')} INSTEAD OF {action} ON {quote_name(name)}\n"
        f"BEGIN SELECT RAISE(ABORT, {quote_text(message)}); END"
        for action, message in messages.items()
    ]


def is_ours(sql: str) -> bool:
    """Whether the SQL of a view that the database has is one of these."""
    return " AS -- eventfold: " in sql.partition("\n")[0]


def drop_view(name: str) -> str:
    """Return the statement that drops a view, and its triggers with it."""
    return f"DROP VIEW {quote_name(name)}"


def fill_slots(type_id: int, columns: Sequence[Column], slots: int, after: str, *, unhex: bool) -> str:
    """Return the statement that lets the slots of a type's events above a position hold what `data` says.

    `after` is the position, or a parameter that stands for it.
    """
    expressions = {column.slot: json_expression(column, unhex) for column in columns if column.slot is not None}
    values = {f"slot{slot + 1}": expressions.get(slot, "NULL") for slot in range(slots)}
    return (
        f"UPDATE eventfold_event SET {', '.join(f'{name} = {value}' for name, value in values.items())} "
        f"WHERE type_id = {type_id} AND position > {after} "
        f"AND ({' OR '.join(f'{name} IS NOT {value}' for name, value in values.items())})"
    )


def column_expression(column: Column, unhex: bool) -> str:
    """Return the expression of a column in the view."""
    return json_expression(column, unhex) if column.slot is None else f"slot{column.slot + 1}"


def json_expression(column: Column, unhex: bool) -> str:
    """Return the expression that reads a column out of `data`."""
    mixed = bool(set(column.former_kinds) - {column.kind})
    values = [_value(column.kind, key_path(key), unhex, mixed) for key in column.keys]
    default = "NULL" if column.default is None else literal(column.kind, column.default)
    if len(values) == 1 and default == "NULL":
        expression = values[0]
    else:
        # null is a value too, so the question is whether the key is there
        cases = " ".join(
            f"WHEN json_type(data, {key_path(key)}) IS NOT NULL THEN {value}"
            for key, value in zip(column.keys, values, strict=True)
        )
        expression = f"CASE {cases} ELSE {default} END"
    return f"CAST({expression} AS {_AFFINITY[column.kind]})"


def literal(kind: str, value: Any) -> str:
    """Return a JSON value of a kind as SQL, in the form that the column stores."""
    match kind:
        case "boolean":
            return str(int(value))
        case "integer" | "duration":
            return str(value)
        case "real":
            return repr(float(value))
        case "decimal":
            return f"CAST({quote_text(value)} AS NUMERIC)"
        case "datetime":
            return quote_text(value.rstrip("Z").replace("T", " "))
        case "uuid":
            return quote_text(value.replace("-", ""))
        case "json":
            from eventfold.django.kinds import canonical_json

            return quote_text(canonical_json(value))
        case "binary":
            return f"x'{value}'"
    return quote_text(value)


def quote_name(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def key_path(key: str) -> str:
    """Return the JSON path of a key of `data` as SQL."""
    return quote_text(f'$."{key}"')


def created_expression(use_tz: bool, created: str = "created") -> str:
    """Return the expression of an event's time, as Django's column has it; `created` is that of its microseconds."""
    # Naive datetimes are in Django's TIME_ZONE, which is the process's local time then.
    local = "" if use_tz else ", 'localtime'"
    fraction = f"CASE {created} % 1000000 WHEN 0 THEN '' ELSE printf('.%06d', {created} % 1000000) END"
    return f"datetime({created} / 1000000, 'unixepoch'{local}) || {fraction}"


def _value(kind: str, path: str, unhex: bool, mixed: bool) -> str:
    value = f"data ->> {path}"
    if mixed:
        return _converted(kind, path, value)
    match kind:
        case "datetime":
            return f"replace(rtrim({value}, 'Z'), 'T', ' ')"
        case "uuid":
            return f"replace({value}, '-', '')"
        case "json":
            return f"nullif(data -> {path}, 'null')"
        case "binary":
            return f"unhex({value})" if unhex else _unhex(value)
    return value


def _converted(kind: str, path: str, value: str) -> str:
    """Read what was recorded as another kind, as far as it can be read as this one; else null."""
    json_type = f"json_type(data, {path})"
    number = (
        f"CASE {json_type} WHEN 'text' THEN CASE WHEN json_valid({value}) THEN "
        f"CASE WHEN json_type({value}) IN ('integer', 'real') THEN CAST({value} AS NUMERIC) END END "
        f"WHEN 'array' THEN NULL WHEN 'object' THEN NULL ELSE {value} END"
    )
    text = f"CASE {json_type} WHEN 'text' THEN {value} END"
    match kind:
        case "integer" | "duration":
            return f"CASE WHEN {number} = CAST({number} AS INTEGER) THEN CAST({number} AS INTEGER) END"
        case "boolean":
            return f"CASE WHEN {number} IN (0, 1) THEN CAST({number} AS INTEGER) END"
        case "real" | "decimal":
            return number
        case "date":
            day = f"substr({text}, 1, 10)"
            return f"CASE WHEN date({day}, '+0 days') = {day} THEN {day} END"  # the modifier makes it check the day
        case "time":
            clock = f"CASE WHEN {text} LIKE '____-__-__T%' THEN substr(rtrim({text}, 'Z'), 12) ELSE {text} END"
            return f"CASE WHEN time({clock}) = substr({clock}, 1, 8) THEN {clock} END"
        case "datetime":
            moment = f"CASE WHEN {text} LIKE '____-__-__' THEN {text} || 'T00:00:00' ELSE {text} END"
            moment = f"replace(rtrim({moment}, 'Z'), 'T', ' ')"
            return f"CASE WHEN datetime({moment}, '+0 days') = substr({moment}, 1, 19) THEN {moment} END"
        case "uuid":
            digits = f"replace(lower({text}), '-', '')"
            return f"CASE WHEN length({digits}) = 32 AND {digits} NOT GLOB '*[^0-9a-f]*' THEN {digits} END"
        case "json":
            return f"nullif(data -> {path}, 'null')"
        case "binary":
            return "NULL"  # hexadecimal digits and a text cannot be told apart
    return value


def _unhex(text: str) -> str:
    """Bytes out of hexadecimal digits, in SQL alone: four bytes a step within pieces, which are joined again."""

    def byte(at: int) -> str:
        high, low = (f"instr({_DIGITS}, substr(part, i + {at + digit}, 1))" for digit in (0, 1))
        return f"substr({_EVERY_BYTE}, {high} * 16 + {low} - 16, 1)"

    four = " || ".join(byte(at) for at in (0, 2, 4, 6))
    starts = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 8 FROM n WHERE i + 8 < length(part)) SELECT i FROM n"
    )
    parts = (
        f"WITH RECURSIVE c(at, part) AS (SELECT 1, substr({text}, 1, {_STEP}) UNION ALL "
        f"SELECT at + {_STEP}, substr({text}, at + {_STEP}, {_STEP}) FROM c WHERE length(part) = {_STEP}) "
        "SELECT part FROM c WHERE part <> ''"
    )
    joined = f"SELECT group_concat((SELECT group_concat({four}, '') FROM ({starts})), '') FROM ({parts})"
    # the last step may have gone past the end
    return f"CASE {text} WHEN '' THEN x'' ELSE substr(CAST(({joined}) AS BLOB), 1, length({text}) / 2) END"
