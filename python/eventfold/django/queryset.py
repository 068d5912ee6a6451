"""Query sets of event classes: they read as Django's do, append, and refuse to change or delete."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from django.db import models

from eventfold.django import save
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import ImmutableEvent

if TYPE_CHECKING:
    from typing_extensions import Self

_Event = TypeVar("_Event", bound=models.Model, covariant=True)

ANY = -1
NO_STREAM = 0
STREAM_EXISTS = -2


class EventQuerySet(models.QuerySet[_Event]):
    """Reads an event type through its view; `create` and `bulk_create` append to the log."""

    _db: str | None
    _hints: dict[str, Any]
    _request = ""
    _expected_version = ANY

    def create(self, **kwargs: Any) -> _Event:
        """Append one event and return it. Raises ValidationError, InvalidEvent, or what a receiver raises."""
        self._for_write = True
        event: _Event = save.create(self.model, kwargs, self._db, self._hints, self._request, self._expected_version)
        return event

    create.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[_Event],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Any = None,
        unique_fields: Any = None,
    ) -> list[_Event]:
        """Append all the events, or none, at once, and return them.

        Unlike Django's it sends pre_save and post_save for each event, if anyone listens. Nothing conflicts in a log:
        `ignore_conflicts` is accepted and makes no difference, `update_conflicts` raises ImmutableEvent. `batch_size`
        makes no difference either.
        """
        if batch_size is not None and batch_size <= 0:
            raise ValueError("Batch size must be a positive integer.")
        if update_conflicts or update_fields or unique_fields:
            self._refuse("bulk_create(update_conflicts=True)")
        events = list(objs)
        self._for_write = True
        save.bulk_create(self.model, events, self.db, self._request, self._expected_version)
        return events

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def get_or_create(self, defaults: Any = None, **kwargs: Any) -> tuple[_Event, bool]:
        """Find the one event that matches, or else append it; nobody else can append between the two."""
        model: Any = self.model
        self._for_write = True
        try:
            return self.get(**kwargs), False
        except model.DoesNotExist:
            with ImmediateAtomic(self.db):
                return super().get_or_create(defaults, **kwargs)

    get_or_create.alters_data = True  # type: ignore[attr-defined]

    def idempotent(self, request_key: str) -> "Self":
        """Let the next `create` or `bulk_create` append once for this key, however often it is repeated.

        Repeated, it returns the events as they are recorded and runs no receiver and no fold; with other content it
        raises IdempotencyConflict.
        """
        if not request_key:
            raise ValueError("A request key must not be empty.")
        clone = self._chain()  # type: ignore[attr-defined]
        clone._request = request_key
        return clone  # type: ignore[no-any-return]

    def expect_version(self, version: int) -> "Self":
        """Let the next `create` or `bulk_create` append only if the events' stream is at this version.

        0 stands for a stream without events. Raises WrongExpectedVersion otherwise.
        """
        clone = self._chain()  # type: ignore[attr-defined]
        clone._expected_version = version
        return clone  # type: ignore[no-any-return]

    def update(self, **kwargs: Any) -> NoReturn:
        self._refuse("update()")

    update.alters_data = True  # type: ignore[attr-defined]

    def update_or_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("update_or_create()")

    update_or_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("bulk_update()")

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> NoReturn:
        self._refuse("delete()")

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    # What Django itself calls beneath these, and some libraries too.

    def _update(self, values: Any) -> NoReturn:
        self._refuse("update()")

    def _raw_delete(self, using: Any) -> NoReturn:
        self._refuse("delete()")

    def _insert(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableEvent(
            f"{self.model._meta.label}: an event is appended by save(), create() or bulk_create(), not by an INSERT"
        )

    _insert.alters_data = True  # type: ignore[attr-defined]
    _insert.queryset_only = False  # type: ignore[attr-defined]

    def _clone(self) -> "Self":
        clone = super()._clone()  # type: ignore[misc]
        if self._request:
            clone._request = self._request
        if self._expected_version != ANY:
            clone._expected_version = self._expected_version
        return clone  # type: ignore[no-any-return]

    def _refuse(self, method: str) -> NoReturn:
        raise ImmutableEvent(
            f"{self.model._meta.label}: {method} is refused, since a recorded event can be neither changed nor "
            "deleted. Append an event that says what is true now."
        )


def as_event_queryset(queryset: Any) -> Any:
    """Turn any query set into one that appends; it keeps its own methods and what it has been asked so far."""
    if not isinstance(queryset, EventQuerySet):
        cls: Any = type(queryset)
        queryset.__class__ = _event_queryset_class(cls)
    return queryset


@cache
def _event_queryset_class(cls: Any) -> type:
    if cls is models.QuerySet:
        return EventQuerySet
    return type(cls.__name__, (cls, EventQuerySet), {"__module__": cls.__module__, "__qualname__": cls.__qualname__})
