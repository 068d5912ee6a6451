"""The triggers of a tracked table, in plain SQL: they record what any program does to it, ours or not.

An INSERT, an UPDATE that changes something, and a DELETE each append one event; an UPDATE of the primary key is the end
of one row and the beginning of another. Nothing in them is ours but the log's tables, so that the sqlite3 shell can
still write. An event's position is the one after the last, as in `appender.cpp`: SQLite has one writer.

A statement's conflict clause reaches into triggers (an outer INSERT OR IGNORE would let a failing insert of an event
pass in silence, OR REPLACE would overwrite one), so each insert has a clause of its own, and its success is checked.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eventfold.django.view_sql import quote_name, quote_text

PREFIX = "eventfold_tracks_"
"""Every trigger on a tracked table begins so, and no other."""

_NOW = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
_POSITION = "max((SELECT head FROM eventfold_header), ifnull((SELECT max(position) FROM eventfold_event), 0)) + 1"
# the clock may have been set back
_CREATED = f"max({_NOW}, ifnull((SELECT created FROM eventfold_event ORDER BY position DESC LIMIT 1), 0))"
_NOT_RECORDED = "eventfold: the change could not be recorded; run `manage.py migrate`"
_NATIVE_COLUMNS = 90
_ARGUMENTS = 40  # of one printf(): SQLite allows a function 127, some builds 100


@dataclass(frozen=True)
class Member:
    """A column that is recorded: its name in the table, the name in events, and the SQL of a value's JSON."""

    column: str
    name: str
    json: Callable[[str], str]
    native: str | None = None
    """How eventfold_row_json writes a value, if it can."""


@dataclass(frozen=True)
class TrackedTable:
    """What the triggers of one table need to know."""

    table: str
    key: tuple[str, ...]
    """The columns of the primary key."""
    key_json: Callable[[str], str]
    """The SQL of the key's JSON in a row, "new" or "old"."""
    key_slot: int
    """The slot column of the log, from 0, that has the key."""
    key_value: Callable[[str], str]
    """The SQL of what that slot holds."""
    members: tuple[Member, ...]
    created: int
    changed: int
    deleted: int
    """The ids of the event types."""
    key_native: str | None = None
    """How eventfold_row_json writes the key, where that is a column as it stands."""


def triggers(table: TrackedTable) -> dict[str, str]:
    """Return the CREATE TRIGGER of each trigger by its name."""
    created = _append(table, table.created, "new", [_both("new", member) for member in table.members])
    deleted = _append(table, table.deleted, "old", [_both("old", member) for member in table.members])
    moved = " OR ".join(_differs(column) for column in table.key)
    found = {
        "created": f"AFTER INSERT ON {quote_name(table.table)}\nBEGIN\n{created}\nEND",
        "deleted": f"AFTER DELETE ON {quote_name(table.table)}\nBEGIN\n{deleted}\nEND",
        "moved": f"AFTER UPDATE OF {_names(table.key)} ON {quote_name(table.table)}\nWHEN {moved}\n"
        f"BEGIN\n{deleted}\n{created}\nEND",
    }
    others = [member for member in table.members if member.column not in table.key]
    if others:
        changed = _append(table, table.changed, "new", [_if_changed(member) for member in others])
        differs = " OR ".join(_differs(member.column) for member in others)
        same = " AND ".join(f"NOT {_differs(column)}" for column in table.key)
        found["changed"] = (
            f"AFTER UPDATE OF {_names(member.column for member in others)} ON {quote_name(table.table)}\n"
            f"WHEN ({differs}) AND {same}\nBEGIN\n{changed}\nEND"
        )
    names = {action: f"{PREFIX}{table.table}_{action}" for action in found}
    return {names[action]: f"CREATE TRIGGER {quote_name(names[action])} {sql}" for action, sql in found.items()}


def row_json(table: TrackedTable, row: str, prefix: str) -> str:
    """Return the SQL of an event's data that says all of a row; `row` is the name before its columns."""
    return _data(table, row, [_both(row, member, prefix) for member in table.members])


def native_row_json(table: TrackedTable, row: str, prefix: str) -> str | None:
    """Return the same by a function that only our own connections have; None, for a table with too many columns."""
    if len(table.members) > _NATIVE_COLUMNS:
        return None
    found = [
        (table.key_native, '{"key":', f"{row}.{quote_name(table.key[0])}")
        if table.key_native
        else ("x", '{"key":', table.key_json(row))
    ]
    for member in table.members:
        label = f',"{prefix}_{member.name}":'
        if member.native:
            found.append((member.native, label, f"{row}.{quote_name(member.column)}"))
        else:
            found.append(("x", label, f"{_json(row, member)} || ''"))
    shape = "\n".join(f"{how}\t{label}" for how, label, _ in found)
    return f"eventfold_row_json({quote_text(shape)}, {', '.join(value for _, _, value in found)})"


class _Part(NamedTuple):
    """A part of a printf(): what it adds to the format, and the SQL expressions of its arguments."""

    format: str
    values: list[str]


def _append(table: TrackedTable, type_id: int, row: str, pairs: Sequence[_Part]) -> str:
    """The statements that append an event; `pairs` are parts such as `,"new_title":"Emma"`."""
    data = _data(table, row, pairs)
    return (
        f"INSERT INTO eventfold_event (position, type_id, created, slot{table.key_slot + 1}, data)\n"
        f"VALUES ({_POSITION}, {type_id}, {_CREATED}, {table.key_value(row)}, {data})\n"
        "ON CONFLICT (position) DO NOTHING;\n"
        f"SELECT RAISE(ABORT, {quote_text(_NOT_RECORDED)}) WHERE changes() = 0;"
    )


def _data(table: TrackedTable, row: str, pairs: Sequence[_Part]) -> str:
    """One text out of many: printf() is faster than a long chain of ||, whose depth is limited too."""
    return _joined([_Part('{"key":%s', [table.key_json(row)]), *pairs, _Part("}", [])])


def _both(row: str, member: Member, prefix: str | None = None) -> _Part:
    return _Part(_label(prefix or row, member).replace("%", "%%") + "%s", [_json(row, member)])


def _if_changed(member: Member) -> _Part:
    both = " || ".join(f"{quote_text(_label(row, member))} || {_json(row, member)}" for row in ("old", "new"))
    return _Part("%s", [f"CASE WHEN {_differs(member.column)} THEN {both} ELSE '' END"])


def _label(row: str, member: Member) -> str:
    return f',"{row}_{member.name}":'


def _json(row: str, member: Member) -> str:
    return f"({member.json(f'{row}.{quote_name(member.column)}')})"


def _differs(column: str) -> str:
    # by its bytes: to a collation of the column, other values may be the same
    return f"old.{quote_name(column)} COLLATE BINARY IS NOT new.{quote_name(column)}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quote_name, columns))


def _joined(parts: Sequence[_Part]) -> str:
    while len(parts) > _ARGUMENTS:
        groups = [parts[start : start + _ARGUMENTS] for start in range(0, len(parts), _ARGUMENTS)]
        parts = [_Part("%s", [_printf(group)]) for group in groups]
    return _printf(parts)


def _printf(parts: Sequence[_Part]) -> str:
    values = [value for part in parts for value in part.values]
    return f"printf({', '.join([quote_text(''.join(part.format for part in parts)), *values])})"
