"""One rule in Python, as it is called for each event and for many at once."""

from django.db import models

from benchmarks.django_project.rules.events import Lent
from eventfold.django import ReadModel, on, on_batch


class Loans(ReadModel):
    book = models.BigIntegerField(primary_key=True)
    loans = models.IntegerField(default=0)
    longest = models.IntegerField(default=0)
    reader = models.CharField(max_length=100, default="")

    class Meta:
        abstract = True


def take(row, event):
    row.loans += 1
    row.longest = max(row.longest, event.days)
    row.reader = event.reader


class LoansByEach(Loans):
    class Projection:
        lifecycle = "async"  # its events are made without Python
        key = "book"
        take = on(Lent)(take)


class LoansByBatch(Loans):
    class Projection:
        lifecycle = "async"
        key = "book"

        @on_batch(Lent)
        def take(rows, events):
            for event in events:
                take(rows[event.book], event)
