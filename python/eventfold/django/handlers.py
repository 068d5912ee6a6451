"""@on methods, as the native core calls them: rows and events become model instances, and rows become columns again."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col

from eventfold.django.declared import declared_model
from eventfold.django.kinds import AnyField, event_fields, json_key, kind_of
from eventfold.django.read_models import label_of
from eventfold.django.specification import column_kind, own_columns, stored
from eventfold.django.type_fields import TypeFields
from eventfold.errors import CorruptLog, EventfoldError, ProjectionError

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNFIT = (ValueError, TypeError, AttributeError, ArithmeticError, ValidationError)  # a value is not what it should be


class EventReader:
    """Makes instances of one event class from what the log has of them."""

    def __init__(self, model: Any, known: TypeFields, alias: str) -> None:
        self._model = model
        self._alias = alias
        self._names = [field.attname for field in model._meta.concrete_fields]
        self._fields = [
            (
                field.attname,
                known.keys(json_key(field)),
                _plain_type(field),
                _reading(field, alias, mixed=len(known.kinds.get(json_key(field), [])) > 1),
            )
            for field in event_fields(model)
        ]
        self._missing = known.defaults

    def __call__(self, position: int, created: int, data: str) -> Any:
        """`created` in microseconds since 1970-01-01 UTC, `data` as canonical JSON. Raises CorruptLog."""
        moment = _EPOCH + timedelta(microseconds=created)
        values = {
            "position": position,
            # as the view shows it: naive and local where USE_TZ is False
            "created": moment if settings.USE_TZ else moment.astimezone().replace(tzinfo=None),
        }
        try:
            found = json.loads(data)
            for name, keys, plain, read in self._fields:
                value = next((found[key] for key in keys if key in found), self._missing.get(keys[0]))
                values[name] = value if value is None or type(value) is plain else read(value)
        except _UNFIT as error:
            raise CorruptLog(f"{self._model._meta.label} at position {position}: {error}") from error
        return self._model.from_db(self._alias, self._names, [values[name] for name in self._names])


def _plain_type(field: AnyField) -> type | None:
    """Return the Python type that a field of Django's own reads and stores as it is."""
    return _PLAIN.get(column_kind(field)) if type(field).__module__.startswith("django.db.models.") else None


_PLAIN = {"text": str, "integer": int, "real": float}


def _reading(field: AnyField, alias: str, mixed: bool) -> Callable[[Any], Any]:
    """Return what makes the Python value of a JSON one. `mixed`: old events may have it in another kind, else null."""
    kind = kind_of(field)
    from_db_value = getattr(field, "from_db_value", None)

    def read(value: Any) -> Any:
        if kind == "duration":
            return timedelta(microseconds=value)
        if kind == "binary":
            return bytes.fromhex(value)
        if kind == "json":
            return value
        if from_db_value is not None:  # a field class of the project's own
            return from_db_value(value, None, connections[alias])
        return field.to_python(value)

    def read_if_it_fits(value: Any) -> Any:
        try:
            return read(value)
        except _UNFIT:
            return None

    return read_if_it_fits if mixed else read


class RowHandler:
    """What the core calls for each event that a read model has an @on method for. Any thread may call it."""

    def __init__(self, model: Any, alias: str, known: Mapping[str, TypeFields]) -> None:
        self._model = model
        self._alias = alias
        fields = model._meta.concrete_fields
        self._names = [field.attname for field in fields]
        folded = {model._meta.get_field(name) for name in model.projection.key} | set(own_columns(model))
        self._values = [
            (field.column, _converters(field, connections[alias]) if field in folded else None) for field in fields
        ]
        self._columns = [(field, str(field.column), _plain_type(field)) for field in own_columns(model)]
        self._readers = {
            label: EventReader(declared_model(label), known.get(label, TypeFields()), alias)
            for label in model.projection.handled_labels()
        }
        self._methods: dict[str, list[Callable[[Any, Any], None]]] = {}
        for handler in model.projection.handlers:
            for event in handler.events:
                self._methods.setdefault(label_of(event), []).append(handler.method)

    def __call__(self, row: dict[str, Any], event: tuple[str, int, int, str]) -> None:
        label, position, created, data = event
        connection = connections[self._alias]
        instance = self._instance(row, connection)
        happened = self._readers[label](position, created, data)
        for method in self._methods[label]:
            method(instance, happened)
        for field, column, plain in self._columns:
            value = getattr(instance, field.attname)
            row[column] = value if type(value) is plain else stored(field, value, connection)

    def _instance(self, row: dict[str, Any], connection: BaseDatabaseWrapper) -> Any:
        values = []
        for column, converters in self._values:
            value = None if converters is None else row[column]
            for convert in converters or ():
                value = convert(value, connection)
            values.append(value)
        return self._model.from_db(self._alias, self._names, values)


def _converters(field: AnyField, connection: BaseDatabaseWrapper) -> list[Callable[[Any, Any], Any]]:
    """What Django does with a value that it reads from this column."""
    column = Col(field.model._meta.db_table, field)
    converters: list[Any] = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]

    def bound(convert: Any) -> Callable[[Any, Any], Any]:
        return lambda value, on: convert(value, column, on)

    return [bound(convert) for convert in converters]


def stating_the_event(handler: RowHandler, model: Any) -> Callable[[dict[str, Any], tuple[str, int, int, str]], None]:
    """Wrap a handler for a replay: whatever it raises becomes a ProjectionError that says at which event."""

    def call(row: dict[str, Any], event: tuple[str, int, int, str]) -> None:
        try:
            handler(row, event)
        except EventfoldError:
            raise
        except Exception as error:
            raise ProjectionError(
                f"{model._meta.label}, the event {event[0]} at position {event[1]}: {type(error).__name__}: {error}"
            ) from error

    return call
