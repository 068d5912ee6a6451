"""@on methods, as the native core calls them: rows and events become model instances, and rows become columns again."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col

from eventfold.django.declared import declared_model
from eventfold.django.event_reader import EventReader, plain_type
from eventfold.django.kinds import AnyField
from eventfold.django.read_models import label_of
from eventfold.django.specification import own_columns, stored
from eventfold.django.type_fields import TypeFields
from eventfold.errors import EventfoldError, ProjectionError


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
        self._columns = [(field, str(field.column), plain_type(field)) for field in own_columns(model)]
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
