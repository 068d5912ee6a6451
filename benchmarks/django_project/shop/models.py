"""One table of ten columns beside the key for each way to have its history, and one for none."""

from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=50)


class Fields(models.Model):
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=100)
    isbn = models.CharField(max_length=13)
    note = models.TextField(blank=True)
    pages = models.IntegerField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    available = models.BooleanField(default=True)
    published = models.DateField()
    added = models.DateTimeField()
    shelf = models.ForeignKey(Shelf, models.CASCADE, related_name="+")

    class Meta:
        abstract = True


class PlainBook(Fields):
    pass


class Book(Fields):
    """To be tracked."""


class OldBook(Fields):
    """To be tracked, and changed many times."""


class QuietBook(Fields):
    """To be tracked, with a translation that yields no event."""


class LoudBook(Fields):
    """To be tracked, with a translation that yields an event."""


class HandBook(Fields):
    """The app's own code writes its history."""


class HandChange(models.Model):
    book = models.BigIntegerField(db_index=True)
    created = models.DateTimeField()
    data = models.TextField()


class PeerBook(Fields):
    """A package that is told of a model by a call writes its history."""
