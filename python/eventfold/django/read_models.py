"""Read models: Django models whose rows are a fold of the log.

class BookList(ReadModel):
    book = models.BigIntegerField(primary_key=True)
    borrow_count = models.PositiveIntegerField(default=0)

    class Projection:
        key = "book"
        borrow_count = Count(BookBorrowed)

        @on(BookReturned)
        def returned(row, event): ...
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from inspect import getattr_static
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import FieldDoesNotExist
from django.db import models, router, transaction
from django.db.models.base import ModelBase
from django.db.models.functions.datetime import TruncBase

from eventfold.django.derived_rows import ReadModelManager, make_due, refuse_by_hand, refuse_if_live
from eventfold.django.following.policy import check_on_error, check_retries
from eventfold.django.lookup import Lookup, leaving_out, lookups_of, models_looked_at
from eventfold.errors import ProjectionError
from eventfold.expressions import Each, StreamCategory, StreamName, Value
from eventfold.projection import (
    UNITS,
    Count,
    CountDistinct,
    First,
    KeyOf,
    Latest,
    Max,
    Min,
    Operation,
    Sum,
    as_sources,
    condition_of,
    is_pattern,
)
from eventfold.where import Filtered, unfiltered

__all__ = [
    "Count",
    "CountDistinct",
    "Declaration",
    "Each",
    "Filtered",
    "First",
    "Handler",
    "KeyOf",
    "Latest",
    "Lookup",
    "Max",
    "Min",
    "ReadModel",
    "StreamCategory",
    "StreamName",
    "Sum",
    "label_of",
    "on",
    "on_batch",
]

_EVENTS = "_eventfold_on"
_BATCHED = "_eventfold_batched"
IN_BATCH = "_eventfold_in_batch"
"""An attribute of rows that an @on_batch method has been given."""

LIFECYCLES = ("inline", "async", "live")
"""Who keeps the rows: each append, in its transaction; `manage.py events follow`, soon after; or whoever reads them."""


def label_of(source: Any) -> str:
    """Return the label of the event type of a source, e.g. "books.BookBorrowed"; it may be given as such."""
    source = unfiltered(source)
    if isinstance(source, str):
        return source
    meta = getattr(source, "_meta", None)
    if meta is None:
        raise TypeError(f'an event type is an event class or its label, as in "books.BookBorrowed", not {source!r}')
    return str(meta.label)


def on(*events: Any) -> Callable[[Callable[[Any, Any], None]], Callable[[Any, Any], None]]:
    """Declare a method of a Projection that is called for each event of these types, after the native operations.

    It gets the row, with the values of its columns, which it may change, and the event. It must depend on nothing else
    and do nothing else: it is called again on each replay.
    """
    return _mark("on", events, batched=False)


def on_batch(*events: Any) -> Callable[[Callable[[Any, Any], None]], Callable[[Any, Any], None]]:
    """Declare a method of a Projection that is called with many events of these types at once, and their rows.

        @on_batch(BookBorrowed, BookReturned)
        def loans(rows, events):
            for event in events:
                rows[event.book].loans += 1

    `events` are in the order of the log. `rows` has the row of each of them, by key: the value of the key's field, or a
    tuple of them in the order of `key`; rows.of(event) is the row of an event, rows.all_of(event) are those of one that
    concerns several. A row has its key and the columns that
    no operation fills, which the method may change.

    Where a batch ends must not matter: it may be one event, as with a single append, or thousands, on a replay. So what
    it does to a row must depend on that row and its events, in their order, alone. A Projection has one such method,
    and no @on beside it.
    """
    return _mark("on_batch", events, batched=True)


def _mark(
    name: str, events: tuple[Any, ...], *, batched: bool
) -> Callable[[Callable[[Any, Any], None]], Callable[[Any, Any], None]]:
    if not events or not all(isinstance(event, (str, type)) for event in events):
        raise TypeError(
            f"{name}() takes event types, as in @{name}(BookReturned); a condition is an `if` in the method"
        )

    def mark(method: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        setattr(method, _EVENTS, events)
        setattr(method, _BATCHED, batched)
        return method

    return mark


@dataclass(frozen=True)
class Handler:
    """An @on method and the event types that it is called for; or an @on_batch method, with many events at once."""

    events: tuple[Any, ...]
    method: Callable[[Any, Any], None]
    batched: bool = False


@dataclass(frozen=True)
class Declaration:
    """What an inner class Projection says. Field names are the model's; event types may still be labels."""

    key: tuple[str, ...]
    operations: dict[str, Operation] = field(default_factory=dict)
    delete_on: tuple[Any, ...] = ()
    handlers: tuple[Handler, ...] = ()
    key_sources: dict[str, tuple[Any, str | None]] = field(default_factory=dict)
    """Of each key that is not simply the event's field of its name: a field or an expression, and the unit to which it
    is cut."""
    lifecycle: str = "inline"
    retries: int | None = None
    """How many times `events follow` tries an event that fails; None: as EVENTFOLD["FOLLOW"] says."""
    on_error: str | None = None
    """What it does then: "stop" before the event, or "skip" it."""
    unmatched: tuple[str, ...] = ()
    """Patterns such as "books.*" that no event type matches."""

    @classmethod
    def read(cls, model_name: str, projection: type) -> "Declaration":
        """Raise TypeError for anything in the class that is not a part of a projection."""
        attributes = {name: value for name, value in vars(projection).items() if not name.startswith("__")}
        key = attributes.pop("key", None)
        if key is None or key == "":
            raise TypeError(
                f'{model_name}.Projection needs a key, the field that tells rows apart: key = "book"; or key = () for '
                "one row of all"
            )
        keys = (key,) if isinstance(key, str) else tuple(key)
        key_sources = {
            name: key_source(f"{model_name}.Projection.{name}", attributes.pop(name))
            for name in keys
            if hasattr(attributes.get(name), "resolve_expression")
        }
        delete_on = as_sources(attributes.pop("delete_on", ()))
        lifecycle = _lifecycle(model_name, attributes.pop("lifecycle", "inline"))
        retries = check_retries(f"{model_name}.Projection", attributes.pop("retries", None))
        on_error = check_on_error(f"{model_name}.Projection", attributes.pop("on_error", None))
        operations = {}
        handlers = []
        for name, value in attributes.items():
            if isinstance(value, staticmethod):
                value = value.__func__
            if isinstance(value, Operation):
                operations[name] = value
            elif hasattr(value, _EVENTS):
                handlers.append(Handler(getattr(value, _EVENTS), value, getattr(value, _BATCHED)))
            elif callable(value):
                raise TypeError(f"{model_name}.Projection.{name} is not called for any event: give it @on(...)")
            else:
                raise TypeError(f"{model_name}.Projection.{name} is no operation such as Count or Latest: {value!r}")
        if len(handlers) > 1 and any(handler.batched for handler in handlers):
            raise TypeError(
                f"{model_name}.Projection has @on_batch and another method beside it, which would see its rows as they "
                "are at the end of a batch: give all event types to one @on_batch method"
            )
        declared = cls(keys, operations, delete_on, tuple(handlers), key_sources, lifecycle, retries, on_error)
        if on_error == "skip" and next(lookups_of(declared), None):
            raise TypeError(
                f"{model_name}.Projection looks rows up as of each event, so that none can be put aside: "
                'use on_error = "stop"'
            )
        try:
            return leaving_out(declared)  # type: ignore[no-any-return]
        except TypeError as error:
            raise TypeError(f"{model_name}.Projection: {error}") from error

    def of_one_row(self, primary_key: str) -> "Declaration":
        """Return the same with a constant for the key, which is the primary key."""
        return replace(self, key=(primary_key,), key_sources={primary_key: (Value(1), None)})

    def has_patterns(self) -> bool:
        """Whether some of its event types are given by a pattern."""
        return any(map(is_pattern, self._sources()))

    def may_read(self, labels: Iterable[str]) -> bool:
        """Whether it reads one of these event types, as far as can be said before patterns are looked up."""
        labels = list(labels)
        for source in self._sources():
            wanted = label_of(source)
            if any(label.startswith(wanted[:-1]) if is_pattern(source) else label == wanted for label in labels):
                return True
        looked_up = [as_declared(model) for model in models_looked_at(self)]
        return any(each is not None and each.may_read(labels) for each in looked_up)

    def key_source(self, name: str) -> tuple[Any, str | None]:
        """Return the events' field or expression that a key is made of, and the unit to which it is cut, if it is."""
        return self.key_sources.get(name, (name, None))

    @property
    def batched(self) -> bool:
        """Whether its method takes many events at once."""
        return any(handler.batched for handler in self.handlers)

    @property
    def counts_values(self) -> bool:
        """Whether a column counts different values, which are kept beside the rows."""
        return any(isinstance(operation, CountDistinct) for operation in self.operations.values())

    def labels(self) -> set[str]:
        """Return the labels of all event types that it reads."""
        return {label_of(source) for source in self._sources()}

    def _sources(self) -> list[Any]:
        sources = [source for operation in self.operations.values() for source, _ in operation.sources]
        sources += [source for operation in self.operations.values() for source in operation.cleared_by]
        return [*sources, *self.delete_on, *(event for handler in self.handlers for event in handler.events)]

    def conditions(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yield the label of an event type and the conditions, some of which may be None, that must all hold for it."""
        for operation in self.operations.values():
            yield from ((label_of(source), operation.conditions_of(source)) for source, _ in operation.sources)
            yield from ((label_of(source), (condition_of(source),)) for source in operation.cleared_by)
        yield from ((label_of(source), (condition_of(source),)) for source in self.delete_on)

    def handled_labels(self) -> set[str]:
        """Return the labels of the event types that have an @on method."""
        return {label_of(event) for handler in self.handlers for event in handler.events}


def _lifecycle(model_name: str, value: Any) -> str:
    if value not in LIFECYCLES:
        raise TypeError(f'{model_name}.Projection.lifecycle is "inline", "async" or "live", not {value!r}')
    return str(value)


def key_source(place: str, expression: Any) -> tuple[Any, str | None]:
    """Return what a key is made of, and the unit to which `TruncDate("created")` cuts it. Raises TypeError."""
    if not isinstance(expression, TruncBase):
        return expression, None
    (source, *more) = expression.get_source_expressions()
    if more:
        raise TypeError(f'{place} cuts a field of the events, as in TruncDate("created"), and nothing else')
    if expression.tzinfo is not None and str(expression.tzinfo) != "UTC":
        raise TypeError(f"{place}: a read model's days are those of UTC, and not of {expression.tzinfo}")
    unit = "day" if expression.kind == "date" else expression.kind
    if unit not in UNITS:
        raise TypeError(f"{place}: a key can be a year, month, day or hour, and not a {unit}")
    return source, unit


class ReadModelBase(ModelBase):
    """Reads the inner class Projection before Django takes it for a field."""

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any) -> Any:
        projection = attrs.pop("Projection", None)
        model: Any = super().__new__(cls, name, bases, attrs, **kwargs)
        if projection is not None:
            declaration = Declaration.read(name, projection)
            if not declaration.key:
                if model._meta.abstract:
                    raise TypeError(f"{name}.Projection: key = () is of a class with a table, and {name} is abstract")
                declaration = declaration.of_one_row(model._meta.pk.name)
            for field_name in (*declaration.key, *declaration.operations):
                try:
                    model._meta.get_field(field_name)
                except FieldDoesNotExist:
                    raise TypeError(f"{name}.Projection names {field_name!r}, which is no field of {name}") from None
            model.projection = _ByPattern(declaration) if declaration.has_patterns() else declaration
        return model


class _ByPattern:
    """A declaration with patterns: what they stand for is looked up when it is asked for, since classes may come."""

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration

    def __get__(self, instance: Any, owner: Any) -> Declaration:
        from eventfold.django.wildcards import expanded

        declaration: Declaration = expanded(owner, self.declaration)
        return declaration


def as_declared(model: Any) -> Declaration | None:
    """Return a model's Projection, its patterns as they stand: some classes may be half made."""
    found = getattr_static(model, "projection", None)
    return found.declaration if isinstance(found, _ByPattern) else found


def lifecycle_of(model: Any) -> str | None:
    """Return the lifecycle of a read model; None if it has no Projection."""
    declaration = as_declared(model)
    return declaration.lifecycle if declaration else None


class ReadModel(models.Model, metaclass=ReadModelBase):
    """Base of read models. Its table is an ordinary one: query it, index it, show it in the admin.

    With a class Projection the rows follow from the log alone: they are right when `create` of an event returns (with
    `lifecycle = "async"`, soon after), and `manage.py events replay` makes them anew. To write them by hand raises
    ProjectionError; to delete them is allowed, and makes a replay due. Without a Projection, a `@projector` keeps them.
    """

    projection: Declaration | None = None

    objects = ReadModelManager()

    class Meta:
        abstract = True

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        if IN_BATCH in self.__dict__:
            raise ProjectionError(
                f"{self._meta.label}: {', '.join(fields or ())} cannot be read in an @on_batch method, since an "
                "operation fills it, which may have seen later events already"
            )
        super().refresh_from_db(using, fields, from_queryset)

    @classmethod
    def check(cls, **kwargs: Any) -> list[CheckMessage]:
        from eventfold.django.read_model_checks import check_projection

        return [*super().check(**kwargs), *check_projection(cls)]

    def save_base(self, raw: bool = False, **kwargs: Any) -> None:  # type: ignore[override]
        if not raw:  # not loaddata
            refuse_by_hand(type(self), "save()")
        super().save_base(raw=raw, **kwargs)

    save_base.alters_data = True  # type: ignore[attr-defined]

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Delete the row; the next replay brings it back."""
        refuse_if_live(type(self))
        using = using or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            deleted = super().delete(using, keep_parents)
            make_due(type(self), using)
        return deleted

    delete.alters_data = True  # type: ignore[attr-defined]
