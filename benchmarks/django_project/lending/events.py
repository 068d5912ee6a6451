from django.db import models

from eventfold.django import Event


class BookLent(Event):
    """Three read models read it."""

    book = models.BigIntegerField()
    reader = models.BigIntegerField()
    title = models.CharField(max_length=200)


class BookLentUnread(Event):
    """The same fields, and no read model."""

    book = models.BigIntegerField()
    reader = models.BigIntegerField()
    title = models.CharField(max_length=200)
