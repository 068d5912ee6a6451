"""Recorded events as instances of their class, without the view."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models.base import ModelState
from django.db.models.signals import post_init, pre_init

from eventfold.django.kinds import AnyField, event_fields, json_key, kind_of
from eventfold.django.specification import column_kind
from eventfold.django.type_fields import TypeFields
from eventfold.errors import CorruptLog

_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EXACT_IN_FLOAT = 1 << 52  # microseconds, to the year 2112: as a float of seconds, it is less than half of one away
_UNFIT = (ValueError, TypeError, AttributeError, ArithmeticError, ValidationError)  # a value is not what it should be


class EventReader:
    """Makes instances of one event class from what the log has of them.

    It is called for each event of a replay by @on methods and projectors, so what can be known of a field is.
    """

    def __init__(self, model: Any, known: TypeFields, alias: str) -> None:
        self._model = model
        self._alias = alias
        self._names = [field.attname for field in model._meta.concrete_fields]
        self._use_tz = settings.USE_TZ
        self._fields = [
            (
                field.attname,
                json_key(field),
                known.keys(json_key(field)),
                plain_type(field),
                _reading(field, alias, mixed=len(known.kinds.get(json_key(field), [])) > 1),
            )
            for field in event_fields(model)
        ]
        self._missing = known.defaults
        self._plain = _is_plain(model)

    def __call__(self, position: int, created: int, data: str) -> Any:
        """`created` in microseconds since 1970-01-01 UTC, `data` as canonical JSON. Raises CorruptLog."""
        if 0 <= created < _EXACT_IN_FLOAT:
            moment = datetime.fromtimestamp(created / 1e6, timezone.utc)
        else:
            moment = _EPOCH + timedelta(microseconds=created)
        if not self._use_tz:
            moment = moment.astimezone().replace(tzinfo=None)  # as the view shows it: naive and local
        event = None
        values: dict[str, Any] = {}
        if self._plain:  # what from_db() comes to
            event = self._model.__new__(self._model)
            values = event.__dict__
            values["_state"] = state = ModelState()
            state.adding = False
            state.db = self._alias
        values["position"] = position
        values["created"] = moment
        try:
            found = _parsed(data)
            for name, key, keys, plain, read in self._fields:
                value = found[key] if key in found else self._under_another_name(found, keys)
                values[name] = value if type(value) is plain or value is None else read(value)
        except _UNFIT as error:
            raise CorruptLog(f"{self._model._meta.label} at position {position}: {error}") from error
        if event is not None:
            return event
        return self._model.from_db(self._alias, self._names, [values[name] for name in self._names])

    def _under_another_name(self, found: Any, keys: list[str]) -> Any:
        return next((found[key] for key in keys if key in found), self._missing.get(keys[0]))


def _is_plain(model: Any) -> bool:
    """Whether from_db() only sets the fields. What receivers of its instances there are is known by now."""
    from eventfold.django.events import Event
    from eventfold.django.plan import plan_of

    inherited = getattr(model.from_db, "__func__", None) is vars(Event)["from_db"].__func__
    heard = pre_init.has_listeners(model) or post_init.has_listeners(model)
    return inherited and plan_of(model).plain_init and not heard


def _parsed(data: str) -> Any:
    """What json.loads() says, without its search for white space, of which a log has none."""
    try:
        found, end = _scan(data, 0)
    except StopIteration:
        return json.loads(data)  # which says what is wrong
    return found if end == len(data) else json.loads(data)


def plain_type(field: AnyField) -> type | None:
    """Return the Python type that a field of Django's own reads and stores as it is."""
    return _PLAIN.get(column_kind(field)) if type(field).__module__.startswith("django.db.models.") else None


_PLAIN = {"text": str, "integer": int, "real": float}


def value_reader(field: AnyField, alias: str) -> Callable[[Any], Any]:
    """Return what makes the Python value of a field out of its JSON value, which is not null."""
    return _reading(field, alias, mixed=False)


def _reading(field: AnyField, alias: str, mixed: bool) -> Callable[[Any], Any]:
    """Return what makes the Python value of a JSON one. `mixed`: old events may have it in another kind, else null."""
    kind = kind_of(field)
    from_db_value = getattr(field, "from_db_value", None)

    def read(value: Any) -> Any:
        if kind == "duration":
            return timedelta(microseconds=value)
        if kind == "binary":
            return bytes.fromhex(value)
        if kind == "json":
            return value
        if from_db_value is not None:  # a field class of the project's own
            return from_db_value(value, None, connections[alias])
        return field.to_python(value)

    def read_if_it_fits(value: Any) -> Any:
        try:
            return read(value)
        except _UNFIT:
            return None

    return read_if_it_fits if mixed else read
