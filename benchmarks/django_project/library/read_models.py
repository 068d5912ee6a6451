from django.db import models

from benchmarks.django_project.library.events import BookBorrowed, BookTitled
from eventfold.django import Count, Latest, ReadModel


class BorrowCount(ReadModel):
    book = models.BigIntegerField(primary_key=True)
    n = models.PositiveIntegerField(default=0)

    class Projection:
        key = "book"
        n = Count(BookBorrowed)


class Catalogue(ReadModel):
    book = models.BigIntegerField(primary_key=True)
    n = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=200)

    class Projection:
        key = "book"
        n = Count(BookTitled)
        title = Latest(BookTitled, "title")
