"""The decisions: each one looks at what is true now, and then either refuses or overwrites it."""

from django.db import transaction
from django.utils import timezone

from traditional.models import Book


class Refused(Exception):
    """The library says no; the message is for the reader."""


def register(form):
    """Make an account of a valid form."""
    return form.save()


def borrow(book_id, reader):
    with transaction.atomic():
        book = _find(book_id)
        if book.borrowed_by == reader:
            raise Refused("You have this book already.")
        if book.borrowed_by:
            raise Refused(f"Too late: {book.borrowed_by} has borrowed “{book.title}”.")
        book.borrowed_by = reader
        book.borrowed_on = timezone.localdate()
        book.borrow_count += 1
        book.save()
    return book


def return_(book_id, reader):
    with transaction.atomic():
        book = _find(book_id)
        if book.borrowed_by != reader:
            raise Refused("Only the reader who borrowed a book can return it.")
        book.borrowed_by = None
        book.borrowed_on = None
        book.save()
    return book


def _find(book_id):
    try:
        return Book.objects.select_related("borrowed_by").get(pk=book_id)
    except Book.DoesNotExist:
        raise Refused("The library does not have this book.") from None
