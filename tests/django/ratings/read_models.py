from django.db import models
from django.db.models import Q
from django.db.models.functions import TruncDate, TruncHour

from eventfold.django import ArrayAgg, Count, Filtered, Histogram, ReadModel, Top, on
from tests.django.ratings.events import Pulped, Rated, Reopened, Withdrawn


class Reception(ReadModel):
    """Each operation whose column holds many values, on each kind that a value may have."""

    book = models.IntegerField(primary_key=True)
    ratings = models.PositiveIntegerField(default=0)
    last_readers = models.JSONField(default=list)
    last_tags = models.JSONField(default=list)
    last_finished = models.JSONField(null=True)
    readers = models.JSONField(default=list)
    days_read = models.JSONField(default=list)
    stars = models.JSONField(default=dict)
    by_hour = models.JSONField(default=dict)
    recommended = models.JSONField(default=dict)
    dearest = models.JSONField(default=list)
    longest = models.JSONField(default=list)

    class Projection:
        key = "book"
        ratings = Count(Rated)
        last_readers = ArrayAgg(Rated, "reader", limit=3, cleared_by=Reopened)
        last_tags = ArrayAgg(Rated, "tags", limit=2)
        last_finished = ArrayAgg(Rated, "finished", limit=2, initial=None, filter=Q(finished__isnull=False))
        readers = ArrayAgg((Rated, "reader"), ("ratings.Withdrawn", "reader"), limit=4, distinct=True)
        days_read = ArrayAgg(Rated, "read_on", limit=100, distinct=True, filter=Q(read_on__isnull=False))
        stars = Histogram((Rated, "stars"), (Withdrawn, "stars", -1), cleared_by=Filtered(Reopened, Q(book__gt=1)))
        by_hour = Histogram(Rated, TruncHour("finished"))
        recommended = Histogram(Rated, "recommended")
        dearest = Top(Rated, "price", limit=3)
        longest = Top(Rated, "minutes", limit=2, label="reader", filter=~Q(reader="staff"))
        delete_on = Pulped


class Calendar(ReadModel):
    """Kept by a follower."""

    reader = models.CharField(max_length=50, primary_key=True)
    days = models.JSONField(default=dict)
    books = models.JSONField(default=list)

    class Projection:
        key = "reader"
        lifecycle = "async"
        days = Histogram(Rated, TruncDate("created"))
        books = ArrayAgg(Rated, "book", distinct=True, limit=1000)


class Wall(ReadModel):
    """A rule in Python changes what is collected."""

    book = models.IntegerField(primary_key=True)
    last_readers = models.JSONField(default=list)
    minutes = models.JSONField(default=list)

    class Projection:
        key = "book"
        last_readers = ArrayAgg(Rated, "reader", limit=3)
        minutes = Top(Rated, "minutes", limit=2, label="tags")

        @on(Withdrawn)
        def forget(row, event):
            row.last_readers = [reader for reader in row.last_readers if reader != event.reader]


class LiveReception(ReadModel):
    """Folded when it is asked for."""

    book = models.IntegerField(primary_key=True)
    readers = models.JSONField(default=list)
    stars = models.JSONField(default=dict)
    longest = models.JSONField(default=list)

    class Projection:
        key = "book"
        lifecycle = "live"
        readers = ArrayAgg((Rated, "reader"), (Withdrawn, "reader"), limit=4, distinct=True)
        stars = Histogram((Rated, "stars"), (Withdrawn, "stars", -1), cleared_by=Filtered(Reopened, Q(book__gt=1)))
        longest = Top(Rated, "minutes", limit=2, label="reader", filter=~Q(reader="staff"))
        delete_on = Pulped
