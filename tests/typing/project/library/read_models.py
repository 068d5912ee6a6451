from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, ExtractHour, TruncDate
from django.db.models.lookups import GreaterThan

from eventfold.django import (
    ArrayAgg,
    Count,
    CountDistinct,
    Each,
    First,
    Histogram,
    KeyOf,
    Latest,
    Lookup,
    Max,
    Min,
    ReadModel,
    StreamName,
    Sum,
    Top,
    on,
    projector,
)
from library.events import BookAdded, BookBorrowed, BookRemoved, BookReturned


class BookList(ReadModel):
    book = models.BigIntegerField(primary_key=True)
    title = models.CharField(max_length=200, default="")
    spent = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    borrow_count = models.PositiveIntegerField(default=0)
    reader_count = models.PositiveIntegerField(default=0)
    days_lent = models.PositiveIntegerField(default=0)
    borrowed_by = models.CharField(max_length=150, null=True)
    first_reader = models.CharField(max_length=150, null=True)
    first_borrowed = models.DateTimeField(null=True)
    last_borrowed = models.DateTimeField(null=True)
    readers = models.JSONField(default=dict)
    last_readers = models.JSONField(default=list)
    days = models.JSONField(default=dict)
    dearest = models.JSONField(default=list)

    class Projection:
        key = "book"
        title = Latest(BookAdded, "title")
        spent = Sum(BookAdded, "price")
        borrow_count = Count(BookBorrowed)
        reader_count = Count(BookBorrowed, "borrowed_by", distinct=True)
        days_lent = CountDistinct(BookBorrowed, TruncDate("created"), cleared_by=BookRemoved)
        borrowed_by = Latest(BookBorrowed, "borrowed_by", cleared_by=BookReturned)
        first_reader = First(BookBorrowed, "borrowed_by")
        first_borrowed = Min(BookBorrowed, "created")
        last_borrowed = Max((BookBorrowed, "created"), (BookReturned, "created"))
        last_readers = ArrayAgg(BookBorrowed, "borrowed_by", limit=10, distinct=True, cleared_by=BookRemoved)
        days = Histogram((BookBorrowed, TruncDate("created")), (BookReturned, TruncDate("created"), -1))
        dearest = Top(BookAdded, "price", limit=3, label="title")
        delete_on = BookRemoved

        @staticmethod  # so that a checker does not take the row for a Projection
        @on(BookBorrowed)
        def count_the_reader(row: "BookList", event: BookBorrowed) -> None:
            row.readers[event.borrowed_by] = row.readers.get(event.borrowed_by, 0) + 1


class Hourly(ReadModel):
    hour = models.IntegerField(primary_key=True)
    spent = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    dear = models.IntegerField(default=0)
    events = models.IntegerField(default=0)
    stream = models.CharField(max_length=100, null=True)
    last_weight = models.IntegerField(null=True)

    class Projection:
        key = "hour"
        last_weight = Latest(BookBorrowed, Lookup("library.Tag", "borrowed_by", "weight"))
        hour = ExtractHour("created")
        spent = Sum(BookAdded, F("price") * 2 - Coalesce("price", Value(0)))
        dear = Count(BookAdded, filter=Q(GreaterThan(F("price") * 2, 100)))
        events = Count("library.*")
        stream = Latest(BookAdded, StreamName())


class Tag(ReadModel):
    tag = models.CharField(max_length=100, primary_key=True)
    weight = models.IntegerField(default=0)

    class Projection:
        key = "tag"
        tag = KeyOf((BookAdded, Each("tags", "name")), (BookRemoved, "title"))
        weight = Sum(BookAdded, Each("tags", "weight") * F("price") + F("price") * Each("tags", "weight"))


class Reader(ReadModel):
    name = models.CharField(max_length=150, primary_key=True)
    books = models.PositiveIntegerField(default=0)


@projector(BookBorrowed, reads=Reader)
def borrowed(event: BookBorrowed, using: str) -> None:
    reader, _ = Reader.objects.using(using).get_or_create(name=event.borrowed_by)
    reader.books += 1
    reader.save(using=using)
