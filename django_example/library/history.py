"""Reading the log itself, across event types: what happened to one book, and in the whole library."""

import json
from dataclasses import dataclass
from datetime import date

from django.db import connection

from eventfold import EventLog
from eventfold.django.connection import database_of
from eventfold.errors import UnknownEventType
from library import events
from library.read_models import BookList

TYPES = {
    cls.__name__: cls
    for cls in (
        events.BookBorrowed,
        events.BookReturned,
        events.BookAdded,
        events.BookRemoved,
        events.ReaderRegistered,
    )
}


@dataclass
class Entry:
    """One recorded event, as the pages show it."""

    position: int
    version: int
    kind: str
    data: dict
    stream: str
    title: str = ""

    @property
    def day(self):
        return date.fromisoformat(self.data["day"])

    @property
    def json(self):
        """The event's data as the log has it."""
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))

    @property
    def reader(self):
        """Who did it, or None."""
        return next((self.data[key] for key in ("borrowed_by", "returned_by", "reader") if key in self.data), None)


def of_book(book, limit=None, before=None):
    """The events of one book, the newest first, which outlive the book's row in the list."""
    return _read(stream=f"book-{book}", limit=limit, before=before)


def of_library(kind="", limit=50, before=None):
    """The newest events of all, or of one type, before a position."""
    entries = _read(types=[TYPES[kind]._meta.label] if kind else (), limit=limit, before=before)
    books = BookList.objects.in_bulk({entry.data["book"] for entry in entries if "book" in entry.data})
    for entry in entries:
        if number := entry.data.get("book"):
            entry.title = books[number].title if number in books else f"book {number}"
    return entries


def _read(before=None, **selection):
    log = EventLog.on(database_of(connection))
    until = before - 1 if before else None
    try:
        found = log.read(until=until, backward=True, **selection)
    except UnknownEventType:  # nothing of this type was ever recorded
        return []
    return [
        Entry(event.position, event.version, event.type.rpartition(".")[2], event.data, event.stream)
        for event in found
        if event.type.rpartition(".")[2] in TYPES
    ]
