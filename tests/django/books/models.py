"""The app's own rows, which commit or roll back together with its events."""

from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=100)


class PlainBorrow(models.Model):
    """What BookBorrowed would be without eventfold."""

    created = models.DateTimeField(auto_now_add=True)
    book = models.BigIntegerField()
    borrowed_by = models.CharField(max_length=100)
