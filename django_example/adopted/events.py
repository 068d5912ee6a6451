"""The traditional library, event sourced by this file alone: its models, views and commands know nothing of it.

Its tables are tracked, its changes are translated into what they mean, and the Book list is folded from that.
"""

from django.contrib.auth.models import User
from django.db import models
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from eventfold.django import Count, Event, Latest, ReadModel, track, translate
from traditional.models import Book

track(Book)
track(User, exclude=["last_login"], mask=["password"])


class BookEvent(Event):
    """A fact about one book."""

    book = models.BigIntegerField()
    day = models.DateField(default=timezone.localdate)

    class Meta:
        abstract = True

    class Stream:
        name = "traditional-book-{book}"


class BookAdded(BookEvent):
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200)


class BookBorrowed(BookEvent):
    borrowed_by = models.CharField(max_length=150)


class BookReturned(BookEvent):
    returned_by = models.CharField(max_length=150)


class BookRemoved(BookEvent):
    reason = models.CharField(max_length=200, blank=True)


class ReaderRegistered(Event):
    reader = models.CharField(max_length=150)
    day = models.DateField(default=timezone.localdate)

    class Stream:
        name = "traditional-reader-{reader}"


@translate(User, "username")
def registration(user, old, new):
    if old is None and not user.is_staff:
        return ReaderRegistered(reader=new)


@translate(Book, "title")
def arrival(book, old, new):
    if old is None:
        return BookAdded(book=book.pk, title=new, author=book.author)


@translate(Book, "borrowed_by")
def loan(book, old, new):
    if old:
        yield BookReturned(book=book.pk, returned_by=old.username)
    if new:
        yield BookBorrowed(book=book.pk, borrowed_by=new.username)


@receiver(post_save, sender="traditional.BookDeleted")
def removal(instance, using, **kwargs):
    BookRemoved.objects.using(using).create(book=instance.key)


class BookList(ReadModel):
    book = models.BigIntegerField(primary_key=True)
    title = models.CharField(max_length=200)
    borrow_count = models.PositiveIntegerField(default=0)

    class Projection:
        key = "book"
        title = Latest(BookAdded, "title")
        borrow_count = Count(BookBorrowed)
        delete_on = BookRemoved
