"""What a field had in the rows that were there when it was added: no trigger sees that, but the field says it."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import NOT_PROVIDED

from eventfold.django.kinds import AnyField, json_value
from eventfold.django.tracking.event_types import MASKED
from eventfold.django.tracking.registry import Tracking, tracked_fields
from eventfold.errors import InvalidEvent

_PREFIX = "new_"


class AddedDefaults(Mapping[str, Any]):
    """What rows recorded by BookCreated or BookExisted have in fields that the event does not know.

    By the names of the event's fields. A default is computed when it is asked for, which is only when the field was
    just added: it may be a function of the project's that asks the database.
    """

    def __init__(self, model: Any, tracking: Tracking, event: Any, one_off: Mapping[str, Any]) -> None:
        self._fields = {f"{_PREFIX}{field.name}": field for field in tracked_fields(model, tracking)}
        self._tracking = tracking
        self._event = event
        self._one_off = one_off
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._fields:
            raise KeyError(name)
        if name not in self._found:
            self._found[name] = self._compute(name, self._fields[name])
        if self._found[name] is None:
            raise KeyError(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._fields if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _compute(self, name: str, field: AnyField) -> Any:
        value = self._one_off[field.name] if field.name in self._one_off else _default(field)
        if value is not None and field.name in self._tracking.mask:
            value = MASKED
        try:
            json_value(self._event._meta.get_field(name), value)
        except InvalidEvent:
            return None  # no migration fails for it
        return value


def _default(field: AnyField) -> Any:
    """What Django writes into the rows of a table when it adds the field; None for one that is new at each call."""
    if field.has_default():
        value = field.get_default()
        return value if value == field.get_default() else None
    db_default = getattr(field, "db_default", NOT_PROVIDED)
    if db_default is not NOT_PROVIDED:
        return None if hasattr(db_default, "resolve_expression") else db_default
    if not field.null and field.blank and field.empty_strings_allowed:
        return b"" if field.get_internal_type() == "BinaryField" else ""
    return None
