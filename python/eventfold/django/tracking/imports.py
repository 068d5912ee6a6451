"""What other packages recorded of a tracked table becomes its events: history from before tracking began.

The events are appended now, and `occurred_at` is when it was. Only what was recorded before the first event of the
model's own is taken: from then on triggers have recorded everything. All of it is prepared in a TEMP table, which locks
nobody out, and appended in one transaction: all or nothing.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.db import connections

from eventfold import _core
from eventfold.django import event_views
from eventfold.django import registry as read_models
from eventfold.django.gate import native
from eventfold.django.kinds import AnyField, json_value, kind_of
from eventfold.django.lookup import labels_looked_at
from eventfold.django.tracking import inline, registry
from eventfold.django.tracking.bootstrap import only_one
from eventfold.django.tracking.changes import stored_key
from eventfold.django.tracking.event_types import MASKED, TrackedEvents, events_of, key_slot
from eventfold.django.tracking.install import key_value, row_json
from eventfold.django.tracking.moments import microseconds
from eventfold.django.tracking.registry import tracked_fields
from eventfold.django.transactions import ImmediateAtomic
from eventfold.django.view_sql import quote_name
from eventfold.errors import EventfoldError, InvalidEvent

_BATCH = 1000
_ANNOUNCED_BEFORE = 60_000_000  # microseconds that may pass between a record and the change that it announces
_STAGED = "temp.eventfold_import"


class CannotImport(EventfoldError):
    """What another package recorded cannot become events."""


class Record(NamedTuple):
    """One change of a row that another package recorded; values are those of the model's fields, by their names."""

    key: Any
    action: str
    """created, changed, deleted; existed: what the row was, whose beginning is not known."""
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    when: datetime
    user: str | None


class Imported(NamedTuple):
    """What was done."""

    events: int
    later: int
    """Records from after tracking began, which are events already."""
    unreadable: int
    """Values that could not be read back, and were left out."""
    gone: int
    """Rows that are not there, of whose end nothing was recorded: it is taken to be when tracking began."""


def import_records(
    model: Any, using: str, records: Iterable[Record], progress: Callable[[int], None] = lambda done: None
) -> Imported:
    """Append another package's records of a model as events. Raises CannotImport, having done nothing."""
    connection = connections[using]
    with only_one(connection):
        check(model, using)
        staging = _Staging(connection, model)
        try:
            staging.fill(records, progress)
            with ImmediateAtomic(using):
                check(model, using)
                inline.begin(connection)
                events, later = staging.append()
                inline.fold_new(connection)
        finally:
            staging.drop()
    return Imported(events, later, staging.unreadable, staging.gone)


def check(model: Any, using: str) -> None:
    """Raise CannotImport for a model that cannot have imported events, or has them."""
    label = model._meta.label
    connection = connections[using]
    if model._meta.parents or any(link.parent_link for link in _one_to_ones(model)):
        raise CannotImport(
            f"{label} shares its rows with a model that it derives from, or that derives from it: what "
            "other packages recorded of both tables at once cannot be imported"
        )
    ids = _type_ids(connection, model)
    of_model = f"type_id IN ({', '.join(map(str, ids.values()))})"
    if _one(connection, f"SELECT 1 FROM eventfold_event WHERE {of_model} AND occurred_at IS NOT NULL LIMIT 1"):
        raise CannotImport(f"{label} has imported events already; they cannot be imported twice")
    readers = [each._meta.label for each in read_models.projected_models() if _reads(each, model)]
    if readers and _one(connection, f"SELECT 1 FROM eventfold_event WHERE {of_model} LIMIT 1"):
        raise CannotImport(
            f"{label} has events already, and the read model {readers[0]} folds them in the order in which they were "
            f"recorded: what is imported now would come last in it. Import before the app writes to {label}"
        )


class _Staging:
    """Events that are ready to be appended, in a table that only this connection has."""

    def __init__(self, connection: Any, model: Any) -> None:
        self._connection = connection
        self._model = model
        self._ids = _type_ids(connection, model)
        events = events_of(model)
        tracking = registry.tracking_of(model)
        assert tracking is not None
        self._masked = tracking.mask
        self._fields: dict[str, AnyField] = {
            field.name: events.existed._meta.get_field(f"new_{field.name}") for field in tracked_fields(model, tracking)
        }
        self._key_field: AnyField = events.created._meta.get_field("key")
        self._key_sql = key_value(model, events.created)
        self._slot = f"slot{key_slot(events.created) + 1}"
        self.unreadable = 0
        self._announced = 0
        self.gone = 0
        self.drop()
        self._run(
            f"CREATE TABLE {_STAGED} (type_id INTEGER NOT NULL, key, data TEXT NOT NULL, metadata TEXT, "
            "occurred_at INTEGER NOT NULL)"
        )

    def fill(self, records: Iterable[Record], progress: Callable[[int], None]) -> None:
        rows = (self._row(record) for record in records)
        done = 0
        while batch := list(islice(rows, _BATCH)):
            # not by a cursor of Django's: a wrapper of ours would take the lock of the database for it
            self._connection.ensure_connection()
            self._connection.connection.executemany(f"INSERT INTO {_STAGED} VALUES (?, ?, ?, ?, ?)", batch)
            done += len(batch)
            progress(done)
        self._run("CREATE INDEX temp.eventfold_import_key ON eventfold_import (key, occurred_at)")

    def append(self) -> tuple[int, int]:
        """Append what is from before the model's first event; return how many that is, and how many are younger."""
        connection = self._connection
        of_model = f"type_id IN ({', '.join(map(str, self._ids.values()))})"
        (first,) = _one(connection, f"SELECT min(created) FROM eventfold_event WHERE {of_model}")
        before = "occurred_at IS NOT NULL" if first is None else f"occurred_at < {first}"
        if first is not None:
            self._leave_out_announced(first)
        self._end_what_is_gone(before, _now() if first is None else first - 1)
        (events, later) = _one(
            connection, f"SELECT count(*) FILTER (WHERE {before}), count(*) FILTER (WHERE NOT {before}) FROM {_STAGED}"
        )
        head, last_created = _one(connection, "SELECT head, last_created FROM eventfold_head")
        now = max(_now(), last_created)
        insert = (
            f"INSERT INTO eventfold_event (position, type_id, created, {self._slot}, data, metadata, occurred_at)\n"
            f"SELECT {head} + row_number() OVER (ORDER BY occurred_at, rowid), type_id, {now}, key, data, metadata, "
            f"occurred_at FROM {_STAGED} WHERE {before} ORDER BY occurred_at, rowid"
        )
        if native(connection, insert, _core.Log.append_selected, insert):
            self._say_what_is_there(before, now)
        return events, later + self._announced

    def _end_what_is_gone(self, before: str, at: int) -> None:
        """A row that is not there has an end before tracking saw of it: nobody knows when, or its own events say it."""
        of_row = f"SELECT 1 FROM {quote_name(self._model._meta.db_table)} AS t WHERE {self._key_sql('t')} = s.key"
        own = f"e.type_id IN ({', '.join(map(str, self._ids.values()))}) AND e.{self._slot} = s.key"
        last = f"FROM {_STAGED} AS l WHERE l.key = s.key AND {before} ORDER BY l.occurred_at DESC, l.rowid DESC LIMIT 1"
        gone = _all(
            self._connection,
            f"SELECT s.key, (SELECT min(e.created) FROM eventfold_event AS e WHERE {own}) "
            f"FROM (SELECT DISTINCT key FROM {_STAGED}) AS s WHERE NOT EXISTS ({of_row}) "
            f"AND (SELECT l.type_id {last}) <> {self._ids['deleted']}",
        )
        raw = self._connection.connection
        for key, seen in gone:
            rows = raw.execute(
                f"SELECT data FROM {_STAGED} WHERE key = ? AND {before} ORDER BY occurred_at, rowid", [key]
            )
            state: dict[str, Any] = {}
            for (data,) in rows:
                said = json.loads(data)
                state |= {name.replace("new_", "old_", 1): said[name] for name in said if not name.startswith("old_")}
            self.gone += seen is None
            raw.execute(
                f"INSERT INTO {_STAGED} VALUES (?, ?, ?, NULL, ?)",
                [self._ids["deleted"], key, _dumped(state), at if seen is None else seen - 1],
            )

    def _say_what_is_there(self, before: str, created: int) -> None:
        """Other packages miss writes, and what the app wrote may stand before: so each row says what it is now."""
        insert = (
            f"INSERT INTO eventfold_event (position, type_id, created, {self._slot}, data)\n"
            f"SELECT NULL, {self._ids['existed']}, {created}, {self._key_sql('t')}, "
            f"{row_json(self._connection, self._model)} FROM (SELECT DISTINCT key FROM {_STAGED} WHERE {before}) AS s "
            f"JOIN {quote_name(self._model._meta.db_table)} AS t ON {self._key_sql('t')} = s.key"
        )
        native(self._connection, insert, _core.Log.append_selected, insert)

    def _leave_out_announced(self, first: int) -> None:
        """Leave out what a package recorded before it was done, and a trigger then: auditlog listens to pre_save."""
        connection = self._connection
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT s.rowid, s.data, (SELECT e.data FROM eventfold_event AS e WHERE e.type_id = s.type_id "
                f"AND e.{self._slot} = s.key ORDER BY e.position LIMIT 1) AS told FROM {_STAGED} AS s "
                f"WHERE s.occurred_at >= {first - _ANNOUNCED_BEFORE} AND s.occurred_at < {first} AND told IS NOT NULL"
            )
            for rowid, announced, told in cursor.fetchall():
                recorded = json.loads(told)
                if all(recorded.get(name) == value for name, value in json.loads(announced).items()):
                    self._run(f"DELETE FROM {_STAGED} WHERE rowid = {rowid}")
                    self._announced += 1

    def drop(self) -> None:
        self._run(f"DROP TABLE IF EXISTS {_STAGED}")

    def _row(self, record: Record) -> tuple[Any, ...]:
        key = stored_key(self._model, record.key, self._connection.alias)
        data: dict[str, Any] = {"key": self._json_key(record.key, key)}
        for name in self._fields:
            for prefix, values in (("old", record.old), ("new", record.new)):
                if name in values:
                    self._add(data, prefix, name, values[name])
        return (
            self._ids[record.action],
            key,
            _dumped(data),
            json.dumps({"user": record.user}, ensure_ascii=False) if record.user is not None else None,
            microseconds(record.when),
        )

    def _add(self, data: dict[str, Any], prefix: str, name: str, value: Any) -> None:
        if name in self._masked:
            data[f"{prefix}_{name}"] = None if value is None else MASKED
            return
        try:
            found = json_value(self._fields[name], value)
            if isinstance(found, (float, dict, list)):
                _dumped(found)
            data[f"{prefix}_{name}"] = found
        except (InvalidEvent, ValueError):  # infinity has no JSON
            self.unreadable += 1

    def _json_key(self, key: Any, stored: Any) -> Any:
        return stored if kind_of(self._key_field) == "text" else json_value(self._key_field, key)

    def _run(self, sql: str) -> None:
        self._connection.ensure_connection()
        self._connection.connection.execute(sql)


def _type_ids(connection: Any, model: Any) -> dict[str, int]:
    ids = {}
    for action, event in zip(TrackedEvents._fields, events_of(model), strict=True):
        row = event_views.find_type(connection, event._meta.label)
        if row is None:
            raise CannotImport(
                f"{model._meta.label} is tracked, but the log does not know it yet: run `manage.py migrate --database "
                f"{connection.alias}` first"
            )
        ids[action] = row.id
    return ids


def _one_to_ones(model: Any) -> Iterator[Any]:
    return (related.field.remote_field for related in model._meta.related_objects if related.one_to_one)


def _reads(read_model: Any, model: Any) -> bool:
    labels = read_model.projection.labels() | labels_looked_at(read_model.projection)
    return bool({event._meta.label for event in events_of(model)} & labels)


def _now() -> int:
    return time.time_ns() // 1000


def _dumped(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _all(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def _one(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()
