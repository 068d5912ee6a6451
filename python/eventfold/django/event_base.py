"""The metaclass of event classes: a model whose table is a view on the log, whatever its Meta says."""

from copy import copy
from typing import Any

from django.db.models import Manager
from django.db.models.base import ModelBase

from eventfold.django.constants import VIEW_FEATURE
from eventfold.django.managers import EventManager, as_event_manager

BASE_FIELDS = frozenset({"position", "created"})
"""The fields of every event that the log fills in; the rest of what it knows is under `recorded`."""

# Where a class has an `objects` of its own, which may filter, Django still needs a manager that hides nothing.
_UNFILTERED = "_all_events"


class EventBase(ModelBase):
    """Makes a class an event type when it derives from Event."""

    _meta: Any
    add_to_class: Any

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any) -> Any:
        declared = attrs.get("Meta") or next((base.Meta for base in bases if hasattr(base, "Meta")), None)
        derived = any(isinstance(base, EventBase) for base in bases)
        if derived and isinstance(attrs.get("objects"), Manager):
            attrs[_UNFILTERED] = EventManager()
        unfiltered = _UNFILTERED in attrs or any(hasattr(base, "_meta") and _has_unfiltered(base) for base in bases)
        if not getattr(attrs.get("Meta"), "proxy", False):
            attrs["Meta"] = _event_meta(declared, _UNFILTERED if unfiltered else "objects")
        attrs["_plan"] = None  # each class has its own, see plan.py
        return super().__new__(cls, name, bases, attrs, **kwargs)

    def _prepare(cls) -> None:
        super()._prepare()  # type: ignore[misc]
        managers = cls._meta.managers
        guarded = [as_event_manager(manager) for manager in managers]
        if any(new is not old for new, old in zip(guarded, managers, strict=True)):
            # Inherited managers become the class's own; numbered anew, they keep their order.
            cls._meta.local_managers.clear()
            for manager in guarded:
                manager = copy(manager)
                manager._set_creation_counter()
                cls.add_to_class(manager.name, manager)


def _has_unfiltered(base: Any) -> bool:
    return any(manager.name == _UNFILTERED for manager in base._meta.managers)


def _event_meta(declared: type | None, base_manager_name: str) -> type:
    attributes = {name: value for name, value in vars(declared or object).items() if not name.startswith("_")}
    if getattr(declared, "managed", True) is not True:
        attributes["managed"] = True
    if getattr(declared, "required_db_vendor", None) is not None:
        attributes["required_db_vendor"] = None
    attributes["required_db_features"] = [VIEW_FEATURE]
    attributes["default_permissions"] = ("view",)
    attributes["base_manager_name"] = base_manager_name
    bases = declared.__bases__ if declared is not None else ()
    meta = type("Meta", bases, attributes)
    if declared is not None:
        meta.__qualname__ = declared.__qualname__
    return meta
