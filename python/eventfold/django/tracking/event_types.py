"""The event types of a tracked model, made for it: BookCreated, BookChanged, BookDeleted, BookExisted.

They live outside the app registry, so that they come with no migration, content type or permission; `events_of(Book)`
has them. Each has `key`, the row's primary key, and for each field of the row `new_<field>`, its value after, or
`old_<field>`, its value before: BookCreated and BookExisted have new ones, BookDeleted old ones, BookChanged both, of
the fields that changed.
"""

from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.apps.registry import Apps
from django.conf import settings
from django.db import models

from eventfold.django.events import Event
from eventfold.django.kinds import AnyField, kind_of, slots_of
from eventfold.django.tracking import registry
from eventfold.django.tracking.recorded_fields import recorded_as
from eventfold.django.tracking.registry import Tracking, tracked_fields

ACTIONS = ("Created", "Changed", "Deleted", "Existed")
MASKED = "********"

_KEPT = ("max_length", "max_digits", "decimal_places", "encoder", "decoder")


class TrackedEvents(NamedTuple):
    """The event types of one tracked model."""

    created: Any
    changed: Any
    deleted: Any
    existed: Any


class TrackedEvent(Event):
    """Base of the event types that are made for tracked models."""

    _shows_what_fits = True  # a table may have held anything before its column was altered

    class Meta:
        abstract = True

    @property
    def changed_fields(self) -> list[str]:
        """The names of the tracked model's fields that this event changed."""
        names = (name for name in self.__dict__ if name.startswith("new_"))
        return [
            name.removeprefix("new_")
            for name in names
            if self.__dict__[name] is not None or self.__dict__.get(name.replace("new_", "old_", 1)) is not None
        ]


def events_of(model: Any) -> TrackedEvents:
    """Return the event types of a tracked model. Raises LookupError for one that is not tracked."""
    model = model._meta.concrete_model
    tracking = registry.tracking_of(model)
    if tracking is None:
        raise LookupError(f"{model._meta.label} is not tracked: track() it, or name it in EVENTFOLD['TRACK']")
    return _events_of(model, tracking)


@cache
def _events_of(model: Any, tracking: Tracking) -> TrackedEvents:
    from django.apps import apps

    shape = (tracking, settings.USE_TZ, tuple(field.deconstruct() for field in tracked_fields(model, tracking)))
    kept = _kept.get(model)
    if kept is not None and kept[0] == shape:
        return kept[1]  # the same classes, which receivers are connected to
    made = make_events(model, tracking)
    _kept[model] = (shape, made)
    for event in made:
        apps.do_pending_operations(event)  # receivers that wait for a sender of this label
    return made


_kept: WeakKeyDictionary[Any, tuple[Any, TrackedEvents]] = WeakKeyDictionary()


def make_events(model: Any, tracking: Tracking) -> TrackedEvents:
    """Make the event types of a model as it is, or was at some migration."""
    private = Apps()
    fields = tracked_fields(model, tracking)
    own: dict[str, list[tuple[str, AnyField]]] = {action: [("key", key_field(model))] for action in ACTIONS}
    for field in fields:
        for action, prefixes in zip(ACTIONS, (("new",), ("old", "new"), ("old",), ("new",)), strict=True):
            if action == "Changed" and field.primary_key:
                continue
            own[action] += [(f"{prefix}_{field.name}", _field_like(field, tracking)) for prefix in prefixes]
    return TrackedEvents(*(_make(model, action, own[action], private) for action in ACTIONS))


def tracked_event(label: str) -> Any:
    """Return the event type of a tracked model by its label, as "books.BookCreated". Raises LookupError."""
    for model in registry.tracked_models():
        meta = model._meta
        if label.startswith(f"{meta.app_label}.{meta.object_name}"):
            for event in events_of(model):
                if event._meta.label == label:
                    return event
    raise LookupError(f"no tracked model has an event type {label!r}")


def all_tracked_events() -> list[Any]:
    """Return the event types of all tracked models."""
    return [event for model in registry.tracked_models() for event in events_of(model)]


def made_events() -> list[Any]:
    """Return the event types that somebody has asked for until now."""
    return [event for _, events in _kept.values() for event in events]


def tracked_labels() -> set[str]:
    """Return the labels of the event types of all tracked models; none of them is made for it."""
    return {f"{model._meta.label}{action}" for model in registry.tracked_models() for action in ACTIONS}


def key_slot(event: Any) -> int:
    """Return the slot column, from 0, that has the key of an event type's events."""
    return slots_of(event)["key"]


def key_field(model: Any) -> AnyField:
    """Return the field of an event that holds a row's primary key."""
    parts = key_parts(model)
    if len(parts) > 1:
        return models.TextField(db_index=True)  # a JSON list
    made: Any = _field_like(parts[0], Tracking())
    made.null = False
    made.db_index = True
    if kind_of(made) in ("real", "decimal", "json", "binary"):
        return models.TextField(db_index=True)
    found: AnyField = made
    return found


def key_parts(model: Any) -> list[AnyField]:
    """Return the fields that make up the primary key: one, or those of a CompositePrimaryKey."""
    return list(getattr(model._meta, "pk_fields", None) or [model._meta.pk])


def forget() -> None:
    """Make the event types anew when next needed."""
    _events_of.cache_clear()


def _make(model: Any, action: str, fields: list[tuple[str, AnyField]], private: Apps) -> Any:
    name = f"{model._meta.object_name}{action}"
    meta = type("Meta", (), {"app_label": model._meta.app_label, "apps": private})
    module = getattr(model, "__module__", __name__)
    attributes = {"__module__": module, "__qualname__": name, "__doc__": None, "Meta": meta, **dict(fields)}
    metaclass: Any = type(TrackedEvent)
    return metaclass(name, (TrackedEvent,), attributes)


def _field_like(field: AnyField, tracking: Tracking) -> AnyField:
    """A field that holds the same values, and demands nothing of them: they are facts."""
    if field.name in tracking.mask:
        return models.CharField(null=True, blank=True)
    field = recorded_as(field)
    if isinstance(field, (models.AutoField, models.BigAutoField, models.SmallAutoField)):
        return models.BigIntegerField(null=True, blank=True)
    if not type(field).__module__.startswith("django."):
        return _undemanding(field)  # its class may take other arguments than Django's do
    _, _, args, kwargs = field.deconstruct()
    kept = {name: value for name, value in kwargs.items() if name in _KEPT}
    return type(field)(*args, **{**kept, "null": True, "blank": True})


def _undemanding(field: Any) -> AnyField:
    field = field.clone()
    field.null = field.blank = True
    field.primary_key = field._unique = field.db_index = False
    field.default = field.db_default = models.NOT_PROVIDED
    field.choices = field.db_column = field.remote_field = None
    found: AnyField = field
    return found
