"""Lookups on the JSONFields of events and read models, whose columns hold the log's canonical JSON.

Django writes JSON with white space and with every letter beyond ASCII escaped, into the column and into what it looks
for; on SQLite it then compares texts (`payload={"a": [1]}`, `payload__a=[1]`) and, before SQLite 3.45, keys as they are
written (`payload__größe=1`). So here what is looked for is written canonically too. Only `KT("payload__größe")` stays
Django's, and needs SQLite 3.45.
"""

import re
from functools import cache, partial
from types import MethodType
from typing import Any

from django.apps import apps
from django.db.models import JSONField
from django.db.models.fields import json as django_json
from django.db.models.signals import class_prepared

from eventfold.django.constants import is_event_model
from eventfold.django.kinds import canonical_json
from eventfold.errors import InvalidEvent

_ESCAPE = re.compile(r"(?:\\u[0-9a-f]{4})+|\\.")


def connect() -> None:
    """Adapt the models that there are, and those to come: historical ones of events too."""
    for model in apps.get_models():
        _prepare(model)
    class_prepared.connect(_prepare, dispatch_uid="eventfold.json_lookups")


def use_canonical_json(model: Any) -> None:
    """Let the JSONFields of a model whose columns hold canonical JSON look for that."""
    for field in model._meta.local_fields:
        if isinstance(field, JSONField):
            for name, method in (
                ("get_db_prep_value", _get_db_prep_value),
                ("get_transform", _get_transform),
                ("get_lookup", _get_lookup),
            ):
                setattr(field, name, MethodType(method, field))


def _prepare(sender: Any, **kwargs: Any) -> None:
    from eventfold.django.read_models import ReadModel

    if is_event_model(sender) or issubclass(sender, ReadModel):
        use_canonical_json(sender)


def _get_db_prep_value(self: Any, value: Any, connection: Any, prepared: bool = False) -> Any:
    original = type(self).get_db_prep_value
    if connection.vendor != "sqlite" or hasattr(value, "resolve_expression"):
        return original(self, value, connection, prepared)
    try:
        return canonical_json(value if prepared else self.get_prep_value(value), self.encoder)
    except InvalidEvent:
        return original(self, value, connection, prepared)  # no event holds it: it will not be found


def _get_transform(self: Any, name: str) -> Any:
    transform = super(JSONField, self).get_transform(name)
    return transform or partial(EventKeyTransform, name)


def _get_lookup(self: Any, name: str) -> Any:
    return _with_plain_paths(type(self).get_lookup(self, name))


class _PlainPaths:
    """Writes the keys in JSON paths as they are, where Django escapes them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lhs = getattr(self, "lhs", None)
        if type(lhs) is django_json.KeyTextTransform:
            lhs.__class__ = EventKeyTextTransform

    def as_sqlite(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:
        as_sql = getattr(super(), "as_sqlite", None) or super().as_sql  # type: ignore[misc]
        sql, params = as_sql(compiler, connection, **kwargs)
        if isinstance(self, _WITH_PATHS):
            params = tuple(_unescape(param) for param in params)
        return sql, params


class EventKeyTransform(_PlainPaths, django_json.KeyTransform):
    """A key of a JSON value of an event."""

    def get_lookup(self, name: str) -> Any:
        lookup: Any = super().get_lookup(name)
        return _with_plain_paths(lookup)


class EventKeyTextTransform(_PlainPaths, django_json.KeyTextTransform):
    """The same as text."""


# In these the parameters are JSON paths and nothing else.
_WITH_PATHS = (django_json.KeyTransform, django_json.HasKeyLookup, django_json.KeyTransformIsNull)


_TO_ADAPT = (django_json.HasKeyLookup, django_json.KeyTransformIsNull, django_json.KeyTransformTextLookupMixin)


@cache
def _with_plain_paths(lookup: Any) -> Any:
    if lookup is None or issubclass(lookup, _PlainPaths) or not issubclass(lookup, _TO_ADAPT):
        return lookup
    return type(lookup.__name__, (_PlainPaths, lookup), {})


def _unescape(path: Any) -> Any:
    if not isinstance(path, str):
        return path
    return _ESCAPE.sub(lambda found: _letters(found[0]), path)


def _letters(escape: str) -> str:
    if not escape.startswith("\\u"):
        return escape
    units = bytes.fromhex("".join(escape.split("\\u")))
    text = units.decode("utf-16-be", "surrogatepass")
    # control characters stay escaped, as in the log
    return "".join(letter if letter >= "\x20" else f"\\u{ord(letter):04x}" for letter in text)
