"""What an append needs to know of an event class, worked out once."""

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from django.conf import settings
from django.core.signals import setting_changed
from django.db.models import DateField, DateTimeField, Field, Model, TimeField
from django.db.models.query_utils import DeferredAttribute

from eventfold import _core
from eventfold.django import validation
from eventfold.django.codec import make_codec
from eventfold.django.kinds import event_fields, kind_of

_planned: WeakSet[Any] = WeakSet()


class Plan:
    """One event class, or a proxy of one, compiled. Made when it is first needed, and again when a setting changes."""

    __slots__ = (
        "attnames",
        "call_defaults",
        "clean_first",
        "codec",
        "compiled_for",
        "defaults",
        "fields",
        "has_clean",
        "has_python_handlers",
        "insert_sql",
        "label",
        "model",
        "plain_init",
        "plain_save",
        "pre_save_fields",
        "preparers",
        "size",
        "use_tz",
    )

    def __init__(self, cls: Any) -> None:
        from eventfold.django import registry
        from eventfold.django.events import Event

        model = cls._meta.concrete_model
        fields = event_fields(model)
        self.model = model
        self.label: str = model._meta.label
        self.fields = fields
        self.use_tz: bool = settings.USE_TZ
        self.codec: _core.EventCodec = make_codec(model)
        self.insert_sql = f'INSERT INTO "eventfold_event" /* {self.label} */'
        self.compiled_for = registry.compiled_for
        self.has_python_handlers = registry.has_python_handlers

        # Making an instance
        concrete = list(model._meta.concrete_fields)
        self.attnames = [field.attname for field in concrete]
        self.size = len(concrete)
        callables = {field for field in concrete if _calls_for_default(field)}
        self.defaults = {field.attname: _constant_default(field) for field in concrete if field not in callables}
        self.call_defaults: list[tuple[str, Callable[[], Any]]] = [
            (field.attname, field.get_default) for field in concrete if field in callables
        ]
        self.plain_init = (
            cls.__init__ is Event.__init__
            and cls.__setattr__ is object.__setattr__
            and all(type(getattr(cls, name, None)) is DeferredAttribute for name in self.attnames)
        )
        self.plain_save = cls.save is Event.save and cls.save_base is Event.save_base

        # Validating it
        self.pre_save_fields = [field for field in fields if _has_pre_save(field)]
        self.has_clean = cls.clean is not Model.clean
        self.clean_first = self.has_clean or cls.clean_fields is not Model.clean_fields or bool(self.pre_save_fields)
        self.preparers = [(field, validation.preparer(kind_of(field))) for field in fields]

    def encode(self, events: list[Any], values: list[dict[str, Any]], metadata: str, ids: list[bytes] | None) -> Any:
        """Validate events, `values` being the __dict__ of each, and encode them.

        Raises ValidationError, or InvalidEvent.
        """
        if not self.clean_first:
            return self.codec.encode(values, lambda index: self._cleaned(events[index]), metadata, ids)
        for event in events:
            for field in self.pre_save_fields:
                setattr(event, field.attname, field.pre_save(event, True))
            validation.clean(event, self.fields, self.has_clean)
        return self.encode_unchecked(events, values, metadata, ids)

    def encode_unchecked(
        self, events: list[Any], values: list[dict[str, Any]], metadata: str, ids: list[bytes] | None
    ) -> Any:
        """Encode events without validation. Raises InvalidEvent."""
        return self.codec.encode(
            values, lambda index: validation.prepared(events[index], self.preparers), metadata, ids
        )

    def _cleaned(self, event: Any) -> list[Any]:
        validation.clean(event, self.fields, self.has_clean)
        return validation.prepared(event, self.preparers)


def plan_of(cls: Any) -> Plan:
    """Return the plan of a class. Raises InvalidEvent for a class that cannot be an event."""
    plan: Plan | None = cls._plan
    if plan is None:
        plan = cls._plan = Plan(cls)
        _planned.add(cls)
    return plan


def connect() -> None:
    """Forget the plans when a test overrides a setting that they depend on."""
    setting_changed.connect(_forget, dispatch_uid="eventfold.plans")


def _forget(setting: str, **kwargs: Any) -> None:
    if setting in ("USE_TZ", "TIME_ZONE", "DATABASES"):
        for cls in list(_planned):
            cls._plan = None
        _planned.clear()


def _calls_for_default(field: Any) -> bool:
    return type(field).get_default is not Field.get_default or (field.has_default() and callable(field.default))


def _constant_default(field: Any) -> Any:
    if field.has_default() or not field.has_db_default():
        return field.get_default()
    default = field.db_default
    return default if not hasattr(default, "resolve_expression") else field.get_default()


def _has_pre_save(field: Any) -> bool:
    if type(field) in (DateField, DateTimeField, TimeField):
        return field.auto_now or field.auto_now_add  # type: ignore[no-any-return]
    return type(field).pre_save is not Field.pre_save
