"""Rules in Python that fail where a test lets them fail."""

from django.db import models

from eventfold.django import Count, ReadModel, on
from tests.django.alerts.events import Rang, Silenced

poison: set[str] = set()
"""Texts of events that no rule can take."""


class Alert(ReadModel):
    alert = models.BigIntegerField(primary_key=True)
    rang = models.IntegerField(default=0)
    texts = models.CharField(max_length=200, default="")

    class Meta:
        abstract = True


def note(row, event):
    if event.text in poison:
        raise ValueError(f"cannot read {event.text}")
    row.texts += event.text


class SkippingAlert(Alert):
    class Projection:
        lifecycle = "async"
        on_error = "skip"
        retries = 1
        key = "alert"
        rang = Count(Rang)
        delete_on = Silenced
        note = on(Rang)(note)


class StoppingAlert(Alert):
    class Projection:
        lifecycle = "async"
        retries = 1
        key = "alert"
        rang = Count(Rang)
        delete_on = Silenced
        note = on(Rang)(note)


class CountedAlert(Alert):
    """Nothing of it is poisoned."""

    class Projection:
        lifecycle = "async"
        key = "alert"
        rang = Count(Rang)
        delete_on = Silenced
