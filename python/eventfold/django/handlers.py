"""@on methods, as the native core calls them: rows and events become model instances, and rows become columns again."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col

from eventfold.django.kinds import AnyField, event_fields, json_key, kind_of
from eventfold.django.read_models import label_of
from eventfold.django.specification import own_columns, stored
from eventfold.django.type_fields import TypeFields

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class EventReader:
    """Makes instances of one event class from what the log has of them."""

    def __init__(self, model: Any, known: TypeFields, alias: str) -> None:
        self._model = model
        self._alias = alias
        self._names = [field.attname for field in model._meta.concrete_fields]
        self._fields = [(field, known.keys(json_key(field))) for field in event_fields(model)]
        self._missing = known.defaults

    def __call__(self, position: int, created: int, data: str) -> Any:
        """`created` in microseconds since 1970-01-01 UTC, `data` as canonical JSON."""
        found = json.loads(data)
        moment = _EPOCH + timedelta(microseconds=created)
        values = {
            "position": position,
            "created": moment if settings.USE_TZ else moment.replace(tzinfo=None),
        }
        for field, keys in self._fields:
            value = next((found[key] for key in keys if key in found), self._missing.get(keys[0]))
            values[field.attname] = None if value is None else _python_value(field, value)
        return self._model.from_db(self._alias, self._names, [values[name] for name in self._names])


def _python_value(field: AnyField, value: Any) -> Any:
    kind = kind_of(field)
    if kind == "duration":
        return timedelta(microseconds=value)
    if kind == "binary":
        return bytes.fromhex(value)
    if kind == "json":
        return value
    return field.to_python(value)


class RowHandler:
    """What the core calls for each event that a read model has an @on method for. Any thread may call it."""

    def __init__(self, model: Any, alias: str, known: Mapping[str, TypeFields]) -> None:
        self._model = model
        self._alias = alias
        declaration = model.projection
        keys = [model._meta.get_field(name) for name in declaration.key]
        self._fields = [(field, _converters(field, connections[alias])) for field in (*keys, *own_columns(model))]
        self._columns = own_columns(model)
        self._readers = {
            label: EventReader(apps.get_model(label), known.get(label, TypeFields()), alias)
            for label in declaration.handled_labels()
        }
        self._methods: dict[str, list[Callable[[Any, Any], None]]] = {}
        for handler in declaration.handlers:
            for event in handler.events:
                self._methods.setdefault(label_of(event), []).append(handler.method)

    def __call__(self, row: dict[str, Any], event: tuple[str, int, int, str]) -> None:
        label, position, created, data = event
        connection = connections[self._alias]
        instance = self._instance(row, connection)
        for method in self._methods[label]:
            method(instance, self._readers[label](position, created, data))
        for field in self._columns:
            row[field.column] = stored(field, getattr(instance, field.attname), connection)

    def _instance(self, row: dict[str, Any], connection: BaseDatabaseWrapper) -> Any:
        instance = self._model()
        for field, converters in self._fields:
            value = row[field.column]
            for convert in converters:
                value = convert(value, connection)
            setattr(instance, field.attname, value)
        return instance


def _converters(field: AnyField, connection: BaseDatabaseWrapper) -> list[Callable[[Any, Any], Any]]:
    """What Django does with a value that it reads from this column."""
    column = Col(field.model._meta.db_table, field)
    converters = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
    return [lambda value, on, convert=convert: convert(value, column, on) for convert in converters]
