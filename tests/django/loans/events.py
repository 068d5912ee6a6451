from django.db import models

from eventfold.django import Event, track
from tests.django.loans.models import Book, Library, Shelf

track(Book, exclude=["note"], mask=["secret"])
track(Library)
track(Shelf)


class Lent(Event):
    """Of a tracked model's change."""

    book = models.BigIntegerField()
    to = models.CharField(max_length=150, blank=True)
