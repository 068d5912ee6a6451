"""The decisions: each one looks at what is true now, and then either refuses or records what happened.

Looking and recording are one transaction. It takes the database's write lock when it begins (`transaction_mode` in the
settings), so of two who want the same book the second one looks after the first one has borrowed it.
"""

from django.db import transaction
from django.db.models import Max

from library.events import BookAdded, BookBorrowed, BookRemoved, BookReturned, ReaderRegistered
from library.read_models import BookList


class Refused(Exception):
    """The library says no; the message is for the reader."""


def register(form):
    """Make an account of a valid form. Account and event are recorded together or not at all."""
    with transaction.atomic():
        user = form.save()
        ReaderRegistered.objects.create(reader=user.username)
    return user


def borrow(book, reader):
    with transaction.atomic():
        row = _find(book)
        if row.borrowed_by == reader:
            raise Refused("You have this book already.")
        if row.borrowed_by:
            raise Refused(f"Too late: {row.borrowed_by} has borrowed “{row.title}”.")
        BookBorrowed.objects.create(book=book, borrowed_by=reader)
    return row


def return_(book, reader):
    with transaction.atomic():
        row = _find(book)
        if row.borrowed_by != reader:
            raise Refused("Only the reader who borrowed a book can return it.")
        BookReturned.objects.create(book=book, returned_by=reader)
    return row


def add(title, author):
    with transaction.atomic():
        return BookAdded.objects.create(book=next_number(), title=title, author=author)


def remove(book, reason=""):
    with transaction.atomic():
        row = check_removable(book)
        BookRemoved.objects.create(book=book, reason=reason)
    return row


def check_removable(book):
    row = _find(book)
    if row.borrowed_by:
        raise Refused(f"{row.borrowed_by} has this book; it can be removed when it is back.")
    return row


def next_number():
    """The number of the next book: one more than any book ever had, so that no stream is continued by another book."""
    return (BookAdded.objects.aggregate(last=Max("book"))["last"] or 0) + 1


def _find(book):
    try:
        return BookList.objects.get(pk=book)
    except BookList.DoesNotExist:
        raise Refused("The library does not have this book.") from None
