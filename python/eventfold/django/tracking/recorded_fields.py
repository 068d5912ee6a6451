"""What is recorded of a column: the field whose values its events hold."""

from django.db import models

from eventfold.django.kinds import AnyField, kind_of
from eventfold.django.specification import target_of


def recorded_as(field: AnyField) -> AnyField:
    """Return the field that holds what is recorded: what a reference leads to at last, the name of a file."""
    field = target_of(field)
    if isinstance(field, models.FileField):
        return models.CharField(max_length=field.max_length)
    return field


def recorded_kind(field: AnyField) -> str:
    """Return the kind of what is recorded. Raises InvalidEvent for a field that cannot be."""
    return kind_of(recorded_as(field))
