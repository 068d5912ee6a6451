"""Managers of event classes: whichever a class declares, its query sets append and never change or delete."""

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.models.manager import BaseManager

from eventfold.django.queryset import EventQuerySet, as_event_queryset
from eventfold.django.save import create

_Event = TypeVar("_Event", bound=models.Model, covariant=True)

if TYPE_CHECKING:

    class _Manager(models.Manager[_Event]):
        def get_queryset(self) -> EventQuerySet[_Event]: ...
        def all(self) -> EventQuerySet[_Event]: ...
        def filter(self, *args: Any, **kwargs: Any) -> EventQuerySet[_Event]: ...
        def exclude(self, *args: Any, **kwargs: Any) -> EventQuerySet[_Event]: ...
        def using(self, alias: str | None) -> EventQuerySet[_Event]: ...
        def idempotent(self, request_key: str) -> EventQuerySet[_Event]: ...
        def expect_version(self, version: int) -> EventQuerySet[_Event]: ...

else:
    _Manager = models.Manager.from_queryset(EventQuerySet)


class EventManager(_Manager[_Event]):
    """The manager of event classes. Derive from it, or from any manager of Django's, for your own."""

    _queryset_class: type
    _hints: dict[str, Any]

    def create(self, **kwargs: Any) -> _Event:
        """Append one event and return it."""
        if self._queryset_class is EventQuerySet and type(self).get_queryset is BaseManager.get_queryset:
            event: _Event = create(self.model, kwargs, self._db, self._hints)  # as the query set, without making one
            return event
        return self.get_queryset().create(**kwargs)

    create.alters_data = True  # type: ignore[attr-defined]


class _GuardedQuerySets:
    """Before a manager class in the order of resolution: its query sets become event query sets."""

    def get_queryset(self) -> Any:
        return as_event_queryset(super().get_queryset())  # type: ignore[misc]


def as_event_manager(manager: Any) -> Any:
    """Return the manager itself if its query sets are sure to be event query sets, else a copy of which they are."""
    cls: Any = type(manager)
    if issubclass(cls, _GuardedQuerySets):
        return manager
    if (
        issubclass(cls, EventManager)
        and cls.get_queryset is BaseManager.get_queryset
        and issubclass(manager._queryset_class, EventQuerySet)
    ):
        return manager
    guarded = manager.__class__.__new__(cls)
    guarded.__dict__.update(manager.__dict__)
    guarded.__class__ = _guarded_class(cls)
    return guarded


@cache
def _guarded_class(cls: Any) -> type:
    if issubclass(EventManager, cls):  # models.Manager itself
        cls = EventManager
    bases = (_GuardedQuerySets, cls) if issubclass(cls, EventManager) else (_GuardedQuerySets, cls, EventManager)
    # The name and module of the original: what a migration writes down must be importable.
    return type(cls.__name__, bases, {"__module__": cls.__module__, "__qualname__": cls.__qualname__})
