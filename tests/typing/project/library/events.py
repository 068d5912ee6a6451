from typing import ClassVar

from django.db import models

from eventfold.django import Event, EventManager, EventQuerySet


class BookEvent(Event):
    book = models.BigIntegerField()

    class Meta:
        abstract = True

    class Stream:
        name = "book-{book}"


class BookAdded(BookEvent):
    title = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)


class BorrowedQuerySet(EventQuerySet["BookBorrowed"]):
    def by(self, reader: str) -> "BorrowedQuerySet":
        return self.filter(borrowed_by=reader)


BorrowedManager = EventManager.from_queryset(BorrowedQuerySet)


class BookBorrowed(BookEvent):
    borrowed_by = models.CharField(max_length=150)

    objects: ClassVar[BorrowedManager["BookBorrowed"]] = BorrowedManager()

    def clean(self) -> None:
        self.borrowed_by = self.borrowed_by.lower()


class BookReturned(BookEvent):
    pass


class BookRemoved(BookEvent):
    reason = models.TextField(blank=True)
