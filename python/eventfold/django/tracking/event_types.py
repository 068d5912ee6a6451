"""The event types of a tracked model, made for it: BookCreated, BookChanged, BookDeleted, BookExisted.

They live outside the app registry, so that they come with no migration, content type or permission; `events_of(Book)`
has them. Each has `key`, the row's primary key, and for each field of the row `new_<field>`, its value after, or
`old_<field>`, its value before: BookCreated and BookExisted have new ones, BookDeleted old ones, BookChanged both, of
the fields that changed. A class of the project's own may stand for one of them, under a name of its own.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.apps.registry import Apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from eventfold.django.event_base import EventBase
from eventfold.django.events import Event
from eventfold.django.kinds import AnyField, kind_of, slots_of
from eventfold.django.tracking import registry
from eventfold.django.tracking.recorded_fields import recorded_as
from eventfold.django.tracking.registry import Tracking, tracked_fields

MASKED = "********"

_KEPT = ("max_length", "max_digits", "decimal_places", "encoder", "decoder")


class TrackedEvents(NamedTuple):
    """The event types of one tracked model."""

    created: Any
    changed: Any
    deleted: Any
    existed: Any


class TrackedEventBase(EventBase):
    """Gives a class that says which events it stands for the fields that they have."""

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any) -> Any:
        tracks = attrs.get("Tracks")
        if tracks is None:
            return super().__new__(cls, name, bases, attrs, **kwargs)
        model, action = _what_it_tracks(name, tracks, attrs)
        made = super().__new__(cls, name, bases, {**attrs, **dict(_fields_of(model, action))}, **kwargs)
        _own[model._meta.label_lower, action] = made
        registry.forget()
        return made


class TrackedEvent(Event, metaclass=TrackedEventBase):
    """Base of the event types that are made for tracked models.

    A class of your own, in events.py of your app, may stand for one of them. It has migrations, a content type and an
    admin if you like, the name that you give it, and methods; the fields come by themselves:

        class BookEdited(TrackedEvent):
            class Tracks:
                model = Book
                action = "changed"  # or "created", "deleted", "existed"
    """

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

    shape = (
        tracking,
        labels_of(model._meta.label),
        settings.USE_TZ,
        tuple(field.deconstruct() for field in tracked_fields(model, tracking)),
    )
    kept = _kept.get(model)
    if kept is not None and kept[0] == shape:
        return kept[1]  # the same classes, which receivers are connected to
    made = make_events(model, tracking)
    own = {action: _own.get((model._meta.label_lower, action)) for action in made._fields}
    made = made._replace(**{action: cls for action, cls in own.items() if cls is not None})
    _kept[model] = (shape, made)
    for event in made:
        apps.do_pending_operations(event)  # receivers that wait for a sender of this label
    return made


_kept: WeakKeyDictionary[Any, tuple[Any, TrackedEvents]] = WeakKeyDictionary()
_own: dict[tuple[str, str], Any] = {}
"""Classes of the project's own, by the lower-case label of the tracked model and the action."""


def make_events(model: Any, tracking: Tracking) -> TrackedEvents:
    """Make the event types of a model as it is, or was at some migration."""
    private = Apps()
    return TrackedEvents(*(_make(model, tracking, action, private) for action in TrackedEvents._fields))


def tracked_event(label: str) -> Any:
    """Return the event type of a tracked model by its label, as "books.BookCreated". Raises LookupError."""
    for model in registry.tracked_models():
        for action, event_label in labels_of(model._meta.label).items():
            if event_label == label:
                return getattr(events_of(model), action)
    raise LookupError(f"no tracked model has an event type {label!r}")


def all_tracked_events() -> list[Any]:
    """Return the event types of all tracked models."""
    return [event for model in registry.tracked_models() for event in events_of(model)]


def made_events() -> list[Any]:
    """Return the event types that somebody has asked for until now, and the project's own classes."""
    return list({event for _, events in _kept.values() for event in events} | set(_own.values()))


def tracked_labels() -> set[str]:
    """Return the labels of the event types of all tracked models; none of them is made for it."""
    return {label for model in registry.tracked_models() for label in labels_of(model._meta.label).values()}


def own_classes() -> set[tuple[str, str]]:
    """Return (app label, lower-case name) of the project's own classes for events of tracked models."""
    return {(cls._meta.app_label, cls._meta.model_name) for cls in _own.values()}


def default_label(model_label: str, action: str) -> str:
    """Return the label of an event type that no class of the project's own stands for."""
    return f"{model_label}{action.title()}"


def labels_of(model_label: str) -> dict[str, str]:
    """Return the labels of the event types of a model by action: "created", "changed", "deleted", "existed".

    The model's label may be in any case, as migrations have it; those that follow from it are in the same case then.
    """
    own = {action: _own.get((model_label.lower(), action)) for action in TrackedEvents._fields}
    return {
        action: default_label(model_label, action) if cls is None else cls._meta.label for action, cls in own.items()
    }


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


def _make(model: Any, tracking: Tracking, action: str, private: Apps) -> Any:
    app_label, _, name = labels_of(model._meta.label)[action].partition(".")
    own = _own.get((model._meta.label_lower, action))
    table = {} if own is None else {"db_table": own._meta.db_table}
    meta = type("Meta", (), {"app_label": app_label, "apps": private, **table})
    module = getattr(model, "__module__", __name__)
    fields = dict(_fields(model, tracking, action))
    attributes = {"__module__": module, "__qualname__": name, "__doc__": None, "Meta": meta, **fields}
    metaclass: Any = type(TrackedEvent)
    return metaclass(name, (TrackedEvent,), attributes)


_SAYS = {"created": ("new",), "changed": ("old", "new"), "deleted": ("old",), "existed": ("new",)}


def _fields(model: Any, tracking: Tracking, action: str) -> Iterator[tuple[str, AnyField]]:
    yield "key", key_field(model)
    for field in tracked_fields(model, tracking):
        if action != "changed" or not field.primary_key:
            for prefix in _SAYS[action]:
                yield f"{prefix}_{field.name}", _field_like(field, tracking)


def _fields_of(model: Any, action: str) -> Iterator[tuple[str, AnyField]]:
    tracking = registry.tracking_of(model)
    assert tracking is not None
    return _fields(model, tracking, action)


def _what_it_tracks(name: str, tracks: Any, attrs: dict[str, Any]) -> tuple[Any, str]:
    model: Any = getattr(tracks, "model", None)
    action: Any = getattr(tracks, "action", None)
    if not hasattr(model, "_meta") or action not in TrackedEvents._fields:
        raise ImproperlyConfigured(
            f"{name}.Tracks needs a model and an action, one of {', '.join(TrackedEvents._fields)}"
        )
    model = model._meta.concrete_model
    if registry.tracking_of(model) is None:
        raise ImproperlyConfigured(
            f"{name}: {model._meta.label} is not tracked, or not yet; track() it first, and put {name} into events.py, "
            "which is imported when all models are there"
        )
    more = [field for field, value in attrs.items() if isinstance(value, models.Field)]
    if more:
        raise ImproperlyConfigured(
            f"{name}: {', '.join(more)} would hold nothing: triggers record what {model._meta.label} has, and the "
            "fields for that come by themselves"
        )
    return model, action


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
