"""Rules in Python that fail where a test lets them fail."""

from django.db import models
from django.db.models.functions import TruncHour

from eventfold.django import Count, Each, ReadModel, Sum, on, on_batch
from tests.django.alerts.events import Closed, Hushed, Paged, Rang, Silenced, Told

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


class Story(ReadModel):
    """What a rule makes of the events of an alert depends on their order, and on what was before."""

    alert = models.BigIntegerField(primary_key=True)
    times = models.IntegerField(default=0)
    score = models.BigIntegerField(default=0)
    told = models.JSONField(default=list)

    class Meta:
        abstract = True


def tell(row, event):
    if getattr(event, "text", "") in poison:
        raise ValueError(f"cannot read {event.text}")
    row.score = (row.score * 3 + event.position) % 1009
    row.told = [*row.told[-3:], getattr(event, "text", "hush")]


instead = []
"""What a test lets tell_all() be."""


def tell_all(rows, events):
    if instead:
        instead[-1](rows, events)
        return
    for event in events:
        tell(rows[event.alert], event)


class StoryByEach(Story):
    class Projection:
        key = "alert"
        times = Count(Told)
        delete_on = Closed
        tell = on(Told, Hushed)(tell)


class StoryByBatch(Story):
    class Projection:
        key = "alert"
        times = Count(Told)
        delete_on = Closed
        tell = on_batch(Told, Hushed)(tell_all)


class AsyncStoryByBatch(Story):
    class Projection:
        lifecycle = "async"
        key = "alert"
        times = Count(Told)
        delete_on = Closed
        tell = on_batch(Told, Hushed)(tell_all)


class Hour(ReadModel):
    """A key of two fields, one of which is cut."""

    hour = models.DateTimeField()
    alert = models.BigIntegerField()
    minutes = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hour", "alert"], name="hours")]

    class Projection:
        key = ("hour", "alert")
        hour = TruncHour("created")

        @on_batch(Told)
        def add(rows, events):
            for event in events:
                rows.of(event).minutes += event.minutes
            for (hour, alert), row in rows.items():
                assert (hour, alert) == (row.hour, row.alert)


class PagedAlert(Alert):
    """An event of several rows, which may fail."""

    size = models.BigIntegerField(default=0)

    class Projection:
        lifecycle = "async"
        on_error = "skip"
        retries = 1
        key = "alert"
        alert = Each("alerts")
        rang = Count(Paged)
        size = Sum(Paged, "size")
        note = on(Paged)(note)


class PagedByBatch(Alert):
    class Projection:
        key = "alert"
        alert = Each("alerts")
        rang = Count(Paged)

        @on_batch(Paged)
        def note_all(rows, events):
            for event in events:
                for row in rows.all_of(event):
                    row.texts += event.text


class Tally(ReadModel):
    """One row, of all."""

    minutes = models.IntegerField(default=0)

    class Projection:
        lifecycle = "async"
        key = ()

        @on_batch("alerts.*")
        def add(rows, events):
            for event in events:
                rows.of(event).minutes += getattr(event, "minutes", 0)
