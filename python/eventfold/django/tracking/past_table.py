"""The table of a tracked model as it was at a position of the log: a temporary one of the same name before it."""

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
from eventfold.django import event_views
from eventfold.django.event_views import TypeRow
from eventfold.django.gate import native
from eventfold.django.kinds import kind_of
from eventfold.django.specification import as_text, event_field, stored
from eventfold.django.temporary_table import TemporaryTable, put_away
from eventfold.django.tracking import registry
from eventfold.django.tracking.changes import as_python
from eventfold.django.tracking.event_types import MASKED, TrackedEvents, events_of, key_slot
from eventfold.django.tracking.history import state_as_of
from eventfold.django.tracking.install import key_value
from eventfold.django.tracking.moments import NotRecorded
from eventfold.django.tracking.registry import tracked_fields

_FOLDED = "eventfold_past_folded"
_KEY = "eventfold_key"
_WHOLE = "eventfold_whole"
_UNFIT = (ValueError, TypeError, AttributeError, ArithmeticError)
_MOST_PLACES = 18


class PastTable(TemporaryTable):
    """Makes the temporary table of one tracked model."""

    def __init__(self, connection: BaseDatabaseWrapper, model: Any) -> None:
        tracking = registry.tracking_of(model)
        assert tracking is not None
        super().__init__(connection, model)
        self._events = events_of(model)
        self._fields = [field for field in tracked_fields(model, tracking) if field.name not in tracking.mask]

    def make(self, until: int) -> None:
        """Make the table as it was at a position. Raises NotRecorded if the log does not have all of it."""
        types = self._types()
        self._check_whole(types, until)
        try:
            self._fold(types, until)
            self._run(self._create())
            try:
                self._fill(until)
            except BaseException:
                put_away(self._connection, self._model._meta.db_table)  # nobody may take half of it for the whole
                raise
        finally:
            put_away(self._connection, _FOLDED)

    def _fill(self, until: int) -> None:
        columns = ", ".join(self._quote(str(field.column)) for field in self._fields)
        self._run(f"INSERT INTO temp.{self._table} ({columns}) SELECT {columns} FROM temp.{_FOLDED} WHERE {_WHOLE} > 0")
        for (key,) in self._rows(f"SELECT {_KEY} FROM temp.{_FOLDED} WHERE {_WHOLE} = 0"):
            self._insert_partly_recorded(key, until)
        for sql in self._indexes():
            self._run(sql)

    def _types(self) -> TrackedEvents:
        found = [event_views.find_type(self._connection, event._meta.label) for event in self._events]
        if None in found:
            raise NotRecorded(
                f"{self._model._meta.label} is not tracked yet in the database {self._connection.alias!r}: "
                "run `manage.py migrate`"
            )
        return TrackedEvents(*found)

    def _check_whole(self, types: TrackedEvents, until: int) -> None:
        """Each row that was there has an event before, or was there before tracking began and nobody knows it."""
        label = self._model._meta.label
        slot = f"slot{key_slot(self._events.created) + 1}"
        every = ", ".join(str(row.id) for row in types)
        later = ", ".join(str(row.id) for row in (types.changed, types.deleted, types.existed))
        known_later = self._rows(
            f"SELECT e.{slot}, e.position FROM eventfold_event AS e WHERE e.type_id IN ({later}) "
            f"AND e.position > {until} AND e.{slot} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM eventfold_event AS f "
            f"WHERE f.type_id IN ({every}) AND f.{slot} = e.{slot} AND f.position < e.position) "
            "ORDER BY e.position DESC LIMIT 1"
        )
        if known_later:
            key, position = known_later[0]
            raise NotRecorded(
                f"{label} has rows from before tracking began, which the log knows from later events only: {key} from "
                f"position {position} on. The whole table is known from there on, not at position {until}; as_of() "
                "reads those rows that are"
            )
        imported = self._rows(
            f"SELECT position FROM eventfold_event WHERE type_id IN ({every}) AND occurred_at IS NOT NULL "
            f"AND position > {until} LIMIT 1"
        )
        if imported:
            raise NotRecorded(
                f"{label}: events of it were imported at position {imported[0][0]}; of what was before, as_of() reads "
                f"the past of a row, and the whole table is known from there on, not at position {until}"
            )
        key = key_value(self._model, self._events.created)("t")
        unknown = self._rows(
            f"SELECT {key} FROM main.{self._table} AS t WHERE NOT EXISTS (SELECT 1 FROM eventfold_event "
            f"WHERE type_id IN ({every}) AND {slot} = {key}) LIMIT 1"
        )
        if unknown:
            raise NotRecorded(
                f"{label} has rows that the log does not know, {unknown[0][0]} for one: they are from before tracking "
                f"began. Run `manage.py events bootstrap {label}`; from then on the whole table is known"
            )

    def _fold(self, types: TrackedEvents, until: int) -> None:
        spec = self._specification(types)
        columns = ", ".join(self._quote(column["column"]) for column in [*spec["key"], *spec["columns"]])
        self._run(f"CREATE TEMP TABLE {_FOLDED} ({columns})")
        connection = self._connection

        def run(log: _core.Log) -> None:
            replaying = _core.Replay(log, as_text(spec), None, 2, until)
            replaying.scan()
            raw: Any = connection.connection
            outermost = not raw.in_transaction
            if outermost:
                raw.execute("BEGIN DEFERRED")  # else write() would keep the file's writers waiting
            try:
                replaying.write()
            finally:
                if outermost and raw.in_transaction:
                    raw.execute("COMMIT")

        native(connection, f"eventfold: past of {self._model._meta.label}", run)

    def _specification(self, types: TrackedEvents) -> dict[str, Any]:
        """The fold that makes the rows: the latest value of each field, and whether an event had all of them."""
        known: dict[str, TypeRow] = {row.name: row for row in types}
        sources: dict[str, list[list[Any]]] = {field.name: [] for field in self._fields}
        events: dict[str, dict[str, Any]] = {}
        for event in self._events:
            label = event._meta.label
            names = {field.name: field for field in event._meta.concrete_fields}
            events[label] = {"key": event_field(names["key"], known[label].fields)}
            if event is self._events.deleted:
                continue
            for field in self._fields:
                if (of_event := names.get(f"new_{field.name}")) is None:
                    continue  # a primary key does not change
                described = event_field(of_event, known[label].fields)
                if "places" in described:
                    described["places"] = min(described["places"] or 0, _MOST_PLACES)
                if described["kind"] != "binary":  # of which a fold would read nothing then
                    described["mixed"] = True  # a column may hold anything
                if event is self._events.changed:
                    described["sparse"] = True
                events[label][of_event.name] = described
                sources[field.name].append([label, of_event.name])
        created = self._events.created
        columns: list[dict[str, Any]] = []
        for field in self._fields:
            of_event = created._meta.get_field(f"new_{field.name}")
            columns.append(_column(str(field.column), kind_of(of_event), "latest", sources[field.name]))
            if columns[-1]["kind"] == "decimal":
                columns[-1]["places"] = min(getattr(field, "decimal_places", None) or 0, _MOST_PLACES)
        whole = [[event._meta.label, None] for event in (created, self._events.existed)]
        columns.append(_column(_WHOLE, "integer", "count", whole, initial=0))
        return {
            "name": f"past of {self._model._meta.label}",
            "table": _FOLDED,
            "key": [{"column": _KEY, "field": "key", "kind": kind_of(created._meta.get_field("key"))}],
            "columns": columns,
            "delete_on": [self._events.deleted._meta.label],
            "handlers": [],
            "events": events,
        }

    def _insert_partly_recorded(self, key: Any, until: int) -> None:
        """A row of which nothing before has all: it was there before tracking began."""
        state = state_as_of(self._model, key, until, self._connection.alias)
        if state is None:
            return
        fields = [field for field in self._fields if field.name in state]
        self._run(
            f"INSERT INTO temp.{self._table} ({', '.join(self._quote(str(field.column)) for field in fields)}) "
            f"VALUES ({', '.join(['%s'] * len(fields))})",
            *(self._stored(field, state[field.name]) for field in fields),
        )

    def _stored(self, field: Any, value: Any) -> Any:
        try:
            value = as_python(field, value, self._connection.alias)
            return None if value == MASKED else stored(field, value, connections[self._connection.alias])
        except _UNFIT:
            return None


def _column(name: str, kind: str, operation: str, sources: list[list[Any]], initial: Any = None) -> dict[str, Any]:
    return {"column": name, "kind": kind, "op": operation, "from": sources, "cleared_by": [], "initial": initial}
