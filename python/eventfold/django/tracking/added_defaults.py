"""What a field had in the rows that were there when it was added: no trigger sees that, but the field says it."""

from collections.abc import Mapping
from typing import Any

from django.db.models import NOT_PROVIDED

from eventfold.django.kinds import AnyField, json_value
from eventfold.django.tracking.event_types import MASKED
from eventfold.django.tracking.registry import Tracking, tracked_fields
from eventfold.errors import InvalidEvent


def added_defaults(model: Any, tracking: Tracking, event: Any, one_off: Mapping[str, Any]) -> dict[str, Any]:
    """Return what rows recorded by BookCreated or BookExisted have in fields that the event does not know.

    By the names of the event's fields. A default that is another one at each call is not known.
    """
    if not event.__name__.endswith(("Created", "Existed")):
        return {}
    found = {}
    for field in tracked_fields(model, tracking):
        name = f"new_{field.name}"
        value = one_off[field.name] if field.name in one_off else _default(field)
        if value is None:
            continue
        if field.name in tracking.mask:
            value = MASKED
        try:
            json_value(event._meta.get_field(name), value)
        except InvalidEvent:
            continue  # no migration fails for it
        found[name] = value
    return found


def _default(field: AnyField) -> Any:
    """What Django writes into the rows of a table when it adds the field."""
    if field.has_default():
        value = field.get_default()
        return value if value == field.get_default() else None
    db_default = getattr(field, "db_default", NOT_PROVIDED)
    if db_default is not NOT_PROVIDED:
        return None if hasattr(db_default, "resolve_expression") else db_default
    if not field.null and field.blank and field.empty_strings_allowed:
        return b"" if field.get_internal_type() == "BinaryField" else ""
    return None
