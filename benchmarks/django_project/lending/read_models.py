from django.db import models
from django.db.models.functions import TruncDate

from benchmarks.django_project.lending.events import BookLent
from eventfold.django import Count, Latest, ReadModel


class BookLoans(ReadModel):
    book = models.BigIntegerField(primary_key=True)
    loans = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=200)

    class Projection:
        key = "book"
        loans = Count(BookLent)
        title = Latest(BookLent, "title")


class ReaderLoans(ReadModel):
    reader = models.BigIntegerField(primary_key=True)
    loans = models.PositiveIntegerField(default=0)
    last_book = models.BigIntegerField(null=True)

    class Projection:
        key = "reader"
        loans = Count(BookLent)
        last_book = Latest(BookLent, "book")


class LoansByDay(ReadModel):
    day = models.DateField(primary_key=True)
    loans = models.PositiveIntegerField(default=0)

    class Projection:
        key = "day"
        day = TruncDate("created")
        loans = Count(BookLent)
