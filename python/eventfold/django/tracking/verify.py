"""Comparing a tracked table with what the log says of it, and recording what no trigger saw.

Both are read in the order of the row's key, so that neither need be in memory. Values are compared as JSON, as the
triggers make it.
"""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold.django import event_views
from eventfold.django.event_views import TypeRow
from eventfold.django.kinds import AnyField
from eventfold.django.tracking import registry
from eventfold.django.tracking.changes import as_python, parts_of, present_names
from eventfold.django.tracking.event_types import TrackedEvents, events_of, key_slot
from eventfold.django.tracking.install import key_value, row_json
from eventfold.django.tracking.moments import NotRecorded
from eventfold.django.tracking.recorded_fields import recorded_kind

ONLY_IN_TABLE = "only in the table"
ONLY_IN_LOG = "only in the log"
DIFFERS = "differs"
MISSING = object()
"""What the log has of a field that it never recorded of a row."""
_BATCH = 1000
_UNFIT = (ValueError, TypeError, AttributeError, ArithmeticError)
_RECORD = """
    INSERT INTO eventfold_event (position, type_id, created, {slot}, data)
    SELECT head + 1, %s, max(%s, last_created), %s, %s FROM eventfold_head"""


@dataclass(frozen=True)
class Difference:
    """A row of which table and log do not say the same."""

    key: Any
    """As a slot of the log has it."""
    kind: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """By field name, of one that differs: the JSON value in the log, and in the table."""
    row: str = ""
    """The table's row, as BookExisted would say it."""
    recorded: "_Recorded | None" = None


@dataclass
class _Recorded:
    """What the log says of one row."""

    key: Any = None
    state: dict[str, Any] | None = None
    whole: bool = False
    """Whether an event had all of the row."""
    deleted: bool = False
    only: str | None = None
    """The data of its event, where that is its only one, and has all of the row."""


class Comparison:
    """Compares the table of one tracked model with the log, on one database."""

    def __init__(self, connection: BaseDatabaseWrapper, model: Any) -> None:
        self.model = model
        self.rows = 0
        """How many rows of the table were compared."""
        self._connection = connection
        events = events_of(model)
        self._slot = f"slot{key_slot(events.created) + 1}"
        self._key = key_value(model, events.created)("t")
        self._collation = " COLLATE BINARY" if key_slot(events.created) >= 2 else ""
        tracking = registry.tracking_of(model)
        assert tracking is not None
        self._mask = tracking.mask
        self._fields: dict[str, AnyField] = {field.name: field for field in model._meta.local_concrete_fields}
        known = [event_views.find_type(connection, event._meta.label) for event in events]
        found = [row for row in known if row is not None]
        if len(found) < len(known):
            raise NotRecorded(
                f"{model._meta.label} is not tracked yet in the database {connection.alias!r}: run "
                f"`manage.py migrate --database {connection.alias}`"
            )
        self._types: TrackedEvents = TrackedEvents(*found)
        self._actions: dict[int, str] = {
            row.id: action for row, action in zip(found, TrackedEvents._fields, strict=True)
        }
        self._former = {row.id: present_names(row.fields) for row in found}

    def differences(self) -> Iterator[Difference]:
        """Yield what differs, in the order of keys. Within the caller's transaction, so that both are of one moment."""
        self.rows = 0
        table = self._table_rows("IS NOT NULL", f"ORDER BY 1{self._collation}")
        log = self._log_rows("IS NOT NULL")
        yield from self._merged(table, log)

    def differences_of(self, keys: list[Any]) -> Iterator[Difference]:
        """Yield what differs of some rows."""
        for key in keys:
            yield from self._merged(self._table_rows("= %s", "", key), self._log_rows("= %s", key))

    def record(self, difference: Difference) -> None:
        """Append the event that makes log and table the same. Within the caller's transaction."""
        recorded = difference.recorded
        if difference.kind == ONLY_IN_TABLE:
            created = recorded is not None and recorded.deleted
            self._append(self._types.created if created else self._types.existed, difference.key, difference.row)
            return
        assert recorded is not None
        parts = [f'"key":{_json_text(recorded.key)}']
        if difference.kind == ONLY_IN_LOG:
            parts += [
                f"{_json_text(f'old_{name}')}:{_json_text(value)}" for name, value in (recorded.state or {}).items()
            ]
            self._append(self._types.deleted, difference.key, "{" + ",".join(parts) + "}")
            return
        for name, (old, new) in difference.fields.items():
            if old is not MISSING:
                parts.append(f"{_json_text(f'old_{name}')}:{_json_text(old)}")
            parts.append(f"{_json_text(f'new_{name}')}:{_json_text(new)}")
        self._append(self._types.changed, difference.key, "{" + ",".join(parts) + "}")

    def _merged(self, table: Iterator[tuple[Any, str]], log: Iterator[tuple[Any, _Recorded]]) -> Iterator[Difference]:
        row, event = next(table, None), next(log, None)
        while row is not None or event is not None:
            if event is None or (row is not None and _order(row[0]) < _order(event[0])):
                assert row is not None
                yield Difference(row[0], ONLY_IN_TABLE, row=row[1])
                row = next(table, None)
            elif row is None or _order(event[0]) < _order(row[0]):
                key, recorded = event
                if recorded.state is not None:
                    yield Difference(key, ONLY_IN_LOG, recorded=recorded)
                event = next(log, None)
            else:
                difference = self._compare(row[0], row[1], event[1])
                if difference is not None:
                    yield difference
                row, event = next(table, None), next(log, None)

    def _compare(self, key: Any, row: str, recorded: _Recorded) -> Difference | None:
        if recorded.only == row:
            return None
        if recorded.state is None or not recorded.whole:
            return Difference(key, ONLY_IN_TABLE, row=row, recorded=recorded)
        fields = {}
        for name, value in parts_of(json.loads(row), {})["new"].items():
            old = recorded.state.get(name, MISSING)
            if not self._same(name, old, value):
                fields[name] = (old, value)
        return Difference(key, DIFFERS, fields, row, recorded) if fields else None

    def _same(self, name: str, old: Any, new: Any) -> bool:
        if old is MISSING:  # the field was added later
            default = self._types.created.fields.defaults.get(f"new_{name}")
            return bool(new is None or new == default)
        if name in self._mask:
            return (old is None) == (new is None)
        if old == new:
            return True
        known: TypeRow = self._types.created
        model_field = self._fields[name]
        if recorded_kind(model_field) != "decimal" and len(known.fields.kinds.get(f"new_{name}", ())) < 2:
            return False
        try:  # recorded when the field was of another kind, or had other places
            alias = self._connection.alias
            return bool(as_python(model_field, old, alias) == as_python(model_field, new, alias))
        except _UNFIT:
            return False

    def _table_rows(self, condition: str, order: str, *parameters: Any) -> Iterator[tuple[Any, str]]:
        table = self._connection.ops.quote_name(self.model._meta.db_table)
        sql = f"SELECT {self._key}, {row_json(self._connection, self.model)} FROM main.{table} AS t WHERE {self._key} "
        for row in self._fetch(sql.replace("%", "%%") + f"{condition} {order}", parameters):
            self.rows += 1
            yield row

    def _log_rows(self, condition: str, *parameters: Any) -> Iterator[tuple[Any, _Recorded]]:
        arms = [
            f"SELECT {self._slot} AS k, position AS p, type_id, data FROM eventfold_event "
            f"WHERE type_id = {type_id} AND {self._slot} {condition}"
            for type_id in self._actions
        ]
        events = self._fetch(" UNION ALL ".join(arms) + " ORDER BY k, p", parameters * len(arms))
        for key, group in groupby(events, itemgetter(0)):
            yield key, self._fold(group)

    def _fold(self, events: Iterator[Any]) -> _Recorded:
        found = _Recorded()
        for number, (_, _, type_id, data) in enumerate(events):
            action = self._actions[type_id]
            found.only = (
                data if number == 0 and action in ("created", "existed") and not self._former[type_id] else None
            )
            loaded = json.loads(data)
            found.key = loaded.get("key")
            if action == "deleted":
                found.state, found.whole, found.deleted = None, False, True
                continue
            new = parts_of(loaded, self._former[type_id])["new"]
            if action == "changed":
                found.state = (found.state or {}) | new
            else:
                found.state, found.whole = new, True
        return found

    def _append(self, type_: TypeRow, key: Any, data: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(_RECORD.format(slot=self._slot), [type_.id, time.time_ns() // 1000, key, data])

    def _fetch(self, sql: str, parameters: tuple[Any, ...]) -> Iterator[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(_BATCH):
                yield from rows


def _order(key: Any) -> tuple[int, Any]:
    """The order in which SQLite has values."""
    if isinstance(key, (int, float)):
        return 0, key
    return (1, key) if isinstance(key, str) else (2, bytes(key))


def _json_text(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "9e999" if value > 0 else "-9e999"  # as triggers say it
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        text = json.dumps(value, separators=(",", ":"))
    return text
