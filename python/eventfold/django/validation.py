"""From the values of an event to what the encoder takes: the slow way, for what it cannot check or take by itself."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.backends.utils import format_number
from django.db.models.expressions import DatabaseDefault, Value

from eventfold.django.kinds import AnyField
from eventfold.errors import InvalidEvent


def clean(event: Any, fields: list[AnyField], has_clean: bool) -> None:
    """Validate an event as a form would: `clean_fields()`, then `clean()`; cleaned values are set on it.

    A field with null=True takes None, whatever its `blank` says. Raises ValidationError, or InvalidEvent for a value
    that is a database expression.
    """
    nulls = set()
    for field in fields:
        value = _plain_value(event, field)
        if value is None and field.null:
            nulls.add(field.name)
    errors: dict[str, Any] = {}
    try:
        event.clean_fields(exclude={"position", "created", *nulls})
    except ValidationError as error:
        errors = error.update_error_dict(errors)
    for field in fields:
        # Django leaves this to the database, for a field that is blank or not editable.
        if not field.null and field.name not in errors and getattr(event, field.attname) is None:
            errors[field.name] = [ValidationError(field.error_messages["null"], code="null")]
    if has_clean:
        try:
            event.clean()
        except ValidationError as error:
            errors = error.update_error_dict(errors)
    if errors:
        raise ValidationError(errors)


def prepared(event: Any, preparers: list[tuple[AnyField, Callable[[AnyField, Any], Any]]]) -> list[Any]:
    """Return the values of an event in field order, as the encoder takes them. Raises InvalidEvent."""
    values = []
    for field, prepare in preparers:
        value = _plain_value(event, field)
        if value is not None:
            try:
                value = prepare(field, value)
            except (TypeError, ValueError, ArithmeticError) as error:
                raise InvalidEvent(f"{event._meta.label}: {field.name}: {error}") from error
        values.append(value)
    return values


def preparer(kind: str) -> Callable[[AnyField, Any], Any]:
    """Return the function that makes a field's value one that the encoder takes for this kind."""
    return _PREPARERS[kind]


def _plain_value(event: Any, field: AnyField) -> Any:
    value = getattr(event, field.attname)
    if not hasattr(value, "resolve_expression"):
        return value
    constant = getattr(value, "expression", None) if isinstance(value, DatabaseDefault) else None
    if isinstance(constant, Value):
        value = constant.value
        setattr(event, field.attname, value)
        return value
    raise InvalidEvent(
        f"{event._meta.label}: {field.name}: an event records a value, not an expression for the database: {value!r}"
    )


def _prep(convert: Callable[[Any], Any]) -> Callable[[AnyField, Any], Any]:
    def prepare(field: AnyField, value: Any) -> Any:
        value = field.get_prep_value(value)
        return None if value is None else convert(value)

    return prepare


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _itself(value: Any) -> Any:
    return value


def _moment(value: Any) -> Any:
    if not settings.USE_TZ and isinstance(value, datetime) and value.tzinfo is not None:
        raise ValueError("a datetime must have no time zone when USE_TZ is False")
    return value


def _decimal(field: AnyField, value: Any) -> str | None:
    value = field.get_prep_value(value)
    if value is None:
        return None
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("NaN and infinity have no JSON")
    return format_number(number, getattr(field, "max_digits", None), getattr(field, "decimal_places", None))


def _json(field: AnyField, value: Any) -> Any:
    if isinstance(value, (str, int, float)) and type(value) in (str, int, float, bool):
        return value
    # As the field itself would write it: a key that is a number becomes a text, an encoder has its say.
    return json.loads(json.dumps(value, cls=getattr(field, "encoder", None)))


_PREPARERS: dict[str, Callable[[AnyField, Any], Any]] = {
    "text": _prep(_text),
    "integer": _prep(int),
    "real": _prep(float),
    "boolean": _prep(bool),
    "decimal": _decimal,
    "date": _prep(_itself),
    "time": _prep(_itself),
    "datetime": _prep(_moment),
    "duration": _prep(_itself),
    "uuid": _prep(_itself),
    "json": _json,
    "binary": _prep(_itself),
}
