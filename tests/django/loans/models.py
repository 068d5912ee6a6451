"""An app that knows nothing of events: each kind of field, key and relation that a table may have."""

from django.conf import settings
from django.db import models


class Place(models.Model):
    name = models.CharField(max_length=50)
    code = models.CharField(max_length=10, unique=True, null=True)


class Library(Place):
    seats = models.IntegerField(default=0)


class Author(models.Model):
    name = models.CharField(max_length=50)


class Book(models.Model):
    title = models.CharField(max_length=200)
    pages = models.IntegerField(null=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    rating = models.FloatField(null=True)
    available = models.BooleanField(default=True)
    published = models.DateField(null=True)
    opens = models.TimeField(null=True)
    added = models.DateTimeField(null=True)
    lent_for = models.DurationField(null=True)
    tags = models.JSONField(null=True)
    cover = models.BinaryField(null=True)
    isbn = models.UUIDField(null=True)
    created = models.DateTimeField(null=True)  # a name that events have too
    secret = models.CharField(max_length=50, blank=True, default="")
    note = models.TextField(blank=True, default="")
    borrowed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    authors = models.ManyToManyField(Author)


class Shelf(models.Model):
    """A key that is a text."""

    mark = models.CharField(max_length=10, primary_key=True)
    row = models.IntegerField(default=0)


class Untold(models.Model):
    """Not tracked."""

    name = models.CharField(max_length=10)


class BookProxy(Book):
    class Meta:
        proxy = True
