"""A table of ten columns, and what the ORM would copy its rows into."""

from django.db import models


class Fields(models.Model):
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=100)
    pages = models.IntegerField(null=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    rating = models.FloatField(null=True)
    available = models.BooleanField(default=True)
    published = models.DateField(null=True)
    added = models.DateTimeField(null=True)
    shelf = models.IntegerField(default=0)

    class Meta:
        abstract = True


class Book(Fields):
    pass


class BookSnapshot(Fields):
    """A history table as other packages have it."""

    key = models.BigIntegerField(db_index=True)
    created = models.DateTimeField(auto_now_add=True)
