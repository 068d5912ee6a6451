from django.db import models

from eventfold.django import Event


class BookBorrowed(Event):
    """BorrowCount counts them."""

    book = models.BigIntegerField()
    borrowed_by = models.CharField(max_length=100)


class BookSeen(Event):
    """The same fields, and no read model."""

    book = models.BigIntegerField()
    borrowed_by = models.CharField(max_length=100)


class BookTitled(Event):
    """Catalogue counts them and has the latest title."""

    book = models.BigIntegerField()
    title = models.CharField(max_length=200)
