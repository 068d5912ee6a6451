"""What the native encoder is told of an event class: each field's kind, and the checks that it can make by itself."""

from string import Formatter
from typing import Any

from django.conf import settings
from django.core.validators import DecimalValidator, MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.choices import CallableChoiceIterator

from eventfold import _core
from eventfold.django.kinds import AnyField, event_fields, json_key, kind_of, slots_of
from eventfold.errors import InvalidEvent

# Fields whose cleaning the encoder knows, if they have no more validators than these. A subclass may do anything.
_KNOWN = {
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.IntegerField,
    models.BigIntegerField,
    models.SmallIntegerField,
    models.PositiveIntegerField,
    models.PositiveBigIntegerField,
    models.PositiveSmallIntegerField,
    models.FloatField,
    models.DateField,
    models.TimeField,
    models.DateTimeField,
    models.DurationField,
    models.DecimalField,
    models.UUIDField,
    models.BinaryField,
    models.JSONField,
}


def make_codec(model: Any) -> _core.EventCodec:
    """Compile an event class. Raises InvalidEvent for a field or a stream that no event can have."""
    fields = event_fields(model)
    slots = slots_of(model)
    specs = [field_spec(field, slots.get(field.name)) for field in fields]
    return _core.EventCodec(model._meta.label, specs, stream_parts(model, fields))


def stream_parts(model: Any, fields: list[AnyField]) -> list[str | int] | None:
    """Return the name of the class's stream: texts, and indexes of the fields between them; None if it has no Stream.

    Raises InvalidEvent for a template that names anything but fields.
    """
    declared = getattr(model, "Stream", None)
    if declared is None:
        return None
    template = getattr(declared, "name", None)
    label = model._meta.label
    if not isinstance(template, str) or not template:
        raise InvalidEvent(f'{label}.Stream needs a name, such as name = "book-{{book}}"')
    indexes = {field.name: index for index, field in enumerate(fields)}
    parts: list[str | int] = []
    try:
        for literal, name, format_spec, conversion in Formatter().parse(template):
            if literal:
                parts.append(literal)
            if name is None:
                continue
            if name not in indexes or format_spec or conversion:
                raise InvalidEvent(
                    f"{label}.Stream.name: {{{name}}} must be the name of a field and nothing more; the fields are "
                    f"{', '.join(indexes)}"
                )
            parts.append(indexes[name])
    except ValueError as error:
        raise InvalidEvent(f"{label}.Stream.name {template!r}: {error}") from error
    return parts


def field_spec(field: AnyField, slot: int | None) -> dict[str, Any]:
    kind = kind_of(field)
    spec: dict[str, Any] = {
        "name": field.attname,
        "key": json_key(field),
        "kind": kind,
        "null": field.null,
        "blank": field.blank or not field.editable,  # Django validates no field that is not editable
        "plain": False,
        "aware": settings.USE_TZ,
        "slot": slot,
        "digits": getattr(field, "max_digits", None),
        "places": getattr(field, "decimal_places", None),
    }
    if type(field) in _KNOWN and not getattr(field, "encoder", None):
        _add_checks(field, spec)
    return spec


_LIMITS: dict[type, str] = {MaxLengthValidator: "max_length", MinValueValidator: "min", MaxValueValidator: "max"}


def _add_checks(field: AnyField, spec: dict[str, Any]) -> None:
    """Say which checks make up the field's whole validation, if the encoder knows them all."""
    checks: dict[str, Any] = {}
    if isinstance(field.choices, CallableChoiceIterator):
        return  # may answer otherwise each time
    if field.choices:
        checks["choices"] = [value for value, _ in field.flatchoices]
    for validator in field.validators:
        if type(validator) is DecimalValidator:
            continue  # the encoder leaves decimals to Python anyway
        name = _LIMITS.get(type(validator), "")
        limit = getattr(validator, "limit_value", None)
        if type(limit) is not int or name not in {"text": ("max_length",), "integer": ("min", "max")}.get(
            spec["kind"], ()
        ):
            return
        tightest = max if name == "min" else min
        checks[name] = tightest(limit, checks.get(name, limit))
    spec.update(checks, plain=True)
