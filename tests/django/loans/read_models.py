from django.db import models

from eventfold.django import Count, Latest, ReadModel


class BookList(ReadModel):
    """A read model of a table that is tracked."""

    key = models.BigIntegerField(primary_key=True)
    title = models.CharField(max_length=200, null=True)
    changes = models.PositiveIntegerField(default=0)

    class Projection:
        key = "key"
        title = Latest(("loans.BookCreated", "new_title"), ("loans.BookChanged", "new_title"))
        changes = Count("loans.BookChanged")
        delete_on = "loans.BookDeleted"
