"""What the traditional library's pages show of its events; its views need not know."""

from django import template
from django.db import connection

from adopted.events import BookList
from eventfold import EventLog
from eventfold.django.connection import database_of
from library.history import Entry

register = template.Library()


@register.simple_tag
def events_of_book(book):
    """What happened to a book, the newest first."""
    found = EventLog.on(database_of(connection)).read(stream=f"traditional-book-{book.pk}", backward=True)
    return [
        Entry(event.position, event.version, event.type.rpartition(".")[2], event.data, event.stream) for event in found
    ]


@register.simple_tag
def book_list(limit):
    """The Book list: which books were borrowed most."""
    return BookList.objects.order_by("-borrow_count", "book")[:limit]
