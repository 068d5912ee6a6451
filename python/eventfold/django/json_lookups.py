"""Looking up a whole JSON value of an event: `filter(payload={"a": [1, 2]})`.

On SQLite Django compares the text of the column with the text that json.dumps writes, white space, escapes and all. The
log has its own canonical text, so the value that is looked for is written in that too. Lookups into the value
(`payload__a=[1, 2]`) compare the texts of its parts and need the same.
"""

from types import MethodType
from typing import Any

from django.apps import apps
from django.db.models import JSONField
from django.db.models.signals import class_prepared

from eventfold.django.constants import is_event_model
from eventfold.django.kinds import canonical_json
from eventfold.errors import InvalidEvent


def connect() -> None:
    """Adapt the event models that there are, and those to come: historical ones too."""
    for model in apps.get_models():
        _prepare(model)
    class_prepared.connect(_prepare, dispatch_uid="eventfold.json_lookups")


def use_canonical_json(model: Any) -> None:
    """Let the JSONFields of a model whose columns hold canonical JSON look for that."""
    for field in model._meta.local_fields:
        if isinstance(field, JSONField):
            field.get_db_prep_value = MethodType(_get_db_prep_value, field)  # type: ignore[method-assign]


def _prepare(sender: Any, **kwargs: Any) -> None:
    if is_event_model(sender):
        use_canonical_json(sender)


def _get_db_prep_value(self: Any, value: Any, connection: Any, prepared: bool = False) -> Any:
    original = type(self).get_db_prep_value
    if connection.vendor != "sqlite" or hasattr(value, "resolve_expression"):
        return original(self, value, connection, prepared)
    try:
        return canonical_json(value if prepared else self.get_prep_value(value), self.encoder)
    except InvalidEvent:
        return original(self, value, connection, prepared)  # no event holds it: it will not be found
