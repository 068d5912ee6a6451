from eventfold.django import Event
from tests.django.fields.columns import Columns


class Everything(Event, Columns):
    """An event with a field of each type."""
