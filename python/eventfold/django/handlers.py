"""@on and @on_batch methods, as the core calls them: rows and events become model instances, and rows columns again."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.expressions import Col
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

from eventfold.django.declared import declared_model
from eventfold.django.event_reader import EventReader, plain_type
from eventfold.django.kinds import AnyField
from eventfold.django.read_models import IN_BATCH, label_of
from eventfold.django.specification import own_columns, stored
from eventfold.django.type_fields import TypeFields
from eventfold.errors import EventfoldError, ProjectionError

_MANY = 100


class RowHandler:
    """What the core calls for each event that a read model has an @on method for. Any thread may call it."""

    def __init__(self, model: Any, alias: str, known: Mapping[str, TypeFields]) -> None:
        self._model = model
        self._alias = alias
        fields = model._meta.concrete_fields
        self._make = _maker(model, alias, [field.attname for field in fields])
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
        return self._make(values)


def _maker(model: Any, alias: str, names: list[str]) -> Callable[[list[Any]], Any]:
    """Return what makes an instance of the values of some fields, in their order: from_db(), or what that comes to."""
    if (
        getattr(model.from_db, "__func__", None) is not vars(Model)["from_db"].__func__
        or model.__init__ is not Model.__init__
        or model.__setattr__ is not object.__setattr__
        or any(type(getattr(model, name, None)) is not DeferredAttribute for name in names)
        or pre_init.has_listeners(model)
        or post_init.has_listeners(model)
    ):
        return lambda values: model.from_db(alias, names, values)

    def make(values: list[Any]) -> Any:
        instance = model.__new__(model)
        own = instance.__dict__
        own["_state"] = state = ModelState()
        state.adding = False
        state.db = alias
        own.update(zip(names, values, strict=True))
        return instance

    return make


def _converters(field: AnyField, connection: BaseDatabaseWrapper) -> list[Callable[[Any, Any], Any]]:
    """What Django does with a value that it reads from this column."""
    column = Col(field.model._meta.db_table, field)
    converters: list[Any] = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]

    def bound(convert: Any) -> Callable[[Any, Any], Any]:
        return lambda value, on: convert(value, column, on)

    return [bound(convert) for convert in converters]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Thousands of objects are made here that all live on: to look for garbage among them takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Rows(dict[Any, Any]):
    """The rows of a batch by key: the value of the key's field, or a tuple of several."""

    def __init__(self, rows: dict[Any, Any], by_position: dict[int, list[Any]]) -> None:
        super().__init__(rows)
        self._by_position = by_position

    def of(self, event: Any) -> Any:
        """Return the row that an event of the batch concerns. Raises ValueError if there are several."""
        found = self.all_of(event)
        if len(found) != 1:
            raise ValueError(f"the event at position {event.position} concerns {len(found)} rows: use all_of()")
        return found[0]

    def all_of(self, event: Any) -> list[Any]:
        """Return the rows that an event of the batch concerns, one for each element of its list."""
        return self._by_position[event.position]


class BatchHandler:
    """What the core calls for many events at once, and the rows that they concern. Any thread may call it."""

    def __init__(self, model: Any, alias: str, known: Mapping[str, TypeFields]) -> None:
        self._model = model
        self._alias = alias
        projection = model.projection
        keys = [model._meta.get_field(name) for name in projection.key]
        self._own = [field for field in own_columns(model) if field.name not in projection.operations]
        self._key_names = [field.attname for field in keys]
        given = [*keys, *self._own]
        in_order = sorted(given, key=model._meta.concrete_fields.index)  # as from_db() takes them
        names = [field.attname for field in in_order]
        self._make = _maker(model, alias, names)
        self._converters = [(given.index(field), _converters(field, connections[alias])) for field in in_order]
        self._stored = [(field, field.attname, plain_type(field)) for field in self._own]
        self._filled = {field.attname for field in model._meta.concrete_fields} - set(names)
        self._readers = {
            label: EventReader(declared_model(label), known.get(label, TypeFields()), alias)
            for label in projection.handled_labels()
        }
        (handler,) = projection.handlers
        self._method = handler.method

    def __call__(self, rows: list[list[Any]], events: list[tuple[str, int, int, str, int]]) -> list[list[Any]]:
        connection = connections[self._alias]
        with _uncollected() if len(events) >= _MANY else nullcontext():
            instances = [self._instance(values, connection) for values in rows]
            happened = []
            by_position: dict[int, list[Any]] = {}
            for label, position, created, data, row in events:
                if position in by_position:
                    by_position[position].append(instances[row])
                else:
                    happened.append(self._readers[label](position, created, data))
                    by_position[position] = [instances[row]]
        if len(self._key_names) == 1:
            (name,) = self._key_names
            by_key = {getattr(each, name): each for each in instances}
        else:
            by_key = {tuple(getattr(each, name) for name in self._key_names): each for each in instances}
        self._method(Rows(by_key, by_position), happened)
        return [self._columns(instance, connection) for instance in instances]

    def _instance(self, values: list[Any], connection: BaseDatabaseWrapper) -> Any:
        converted = []
        for index, converters in self._converters:
            value = values[index]
            for convert in converters:
                value = convert(value, connection)
            converted.append(value)
        instance = self._make(converted)
        instance.__dict__[IN_BATCH] = True
        return instance

    def _columns(self, instance: Any, connection: BaseDatabaseWrapper) -> list[Any]:
        own = instance.__dict__
        if not self._filled.isdisjoint(own):
            names = ", ".join(sorted(self._filled.intersection(own)))
            raise ProjectionError(
                f"{self._model._meta.label}: an @on_batch method has set {names}, which an operation fills"
            )
        return [
            value if type(value := own[name]) is plain else stored(field, value, connection)
            for field, name, plain in self._stored
        ]


Handler = RowHandler | BatchHandler


def handler_for(model: Any, alias: str, known: Mapping[str, TypeFields]) -> Handler:
    """Return what calls the Python methods of a projection that has any."""
    return (BatchHandler if model.projection.batched else RowHandler)(model, alias, known)


def stating_the_event(handler: Callable[[Any, Any], Any], model: Any) -> Callable[[Any, Any], Any]:
    """Wrap a handler for a replay: whatever it raises becomes a ProjectionError that says at which event."""

    def call(rows: Any, events: Any) -> Any:
        try:
            return handler(rows, events)
        except EventfoldError:
            raise
        except Exception as error:
            raise ProjectionError(f"{model._meta.label}, {_which(events)}: {type(error).__name__}: {error}") from error

    return call


def _which(events: Any) -> str:
    """One event as RowHandler takes it, or several as BatchHandler does."""
    if isinstance(events, tuple):
        return f"the event {events[0]} at position {events[1]}"
    if len(events) == 1:
        return _which(events[0])
    return f"one of the {len(events):,} events from position {events[0][1]} to {events[-1][1]}"
