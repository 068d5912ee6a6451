"""What happens in the library. These facts are all that is stored; everything else follows from them."""

from django.db import models
from django.utils import timezone

from eventfold.django import Event


class BookEvent(Event):
    """A fact about one book. All facts about it are one stream, whatever their type."""

    book = models.BigIntegerField()
    day = models.DateField(default=timezone.localdate)

    class Meta:
        abstract = True

    class Stream:
        name = "book-{book}"


class BookAdded(BookEvent):
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200)

    class Meta:
        verbose_name_plural = "books added"

    def __str__(self):
        return f"book {self.book} added: {self.title}"


class BookBorrowed(BookEvent):
    borrowed_by = models.CharField(max_length=150)  # a name, not a reference: what was true then

    class Meta:
        verbose_name_plural = "books borrowed"

    def __str__(self):
        return f"book {self.book} borrowed by {self.borrowed_by}"


class BookReturned(BookEvent):
    returned_by = models.CharField(max_length=150)

    class Meta:
        verbose_name_plural = "books returned"

    def __str__(self):
        return f"book {self.book} returned by {self.returned_by}"


class BookRemoved(BookEvent):
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "books removed"

    def __str__(self):
        return f"book {self.book} removed"


class ReaderRegistered(Event):
    reader = models.CharField(max_length=150)
    day = models.DateField(default=timezone.localdate)

    class Meta:
        verbose_name_plural = "readers registered"

    class Stream:
        name = "reader-{reader}"

    def __str__(self):
        return f"{self.reader} registered"
