"""The traditional library, adopted by adopted/events.py alone, tells the same story as the event-sourced one."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction

from adopted.events import BookList
from eventfold import EventLog
from eventfold.django import as_of, history
from eventfold.django.connection import database_of
from shelves import PASSWORD, Visitor
from traditional.models import Book

pytestmark = pytest.mark.django_db

ADD = {"library": "/admin/library/bookadded/add/", "traditional": "/admin/traditional/book/add/"}


def play(way):
    """The same clicks on the pages of either library."""
    staff = Visitor(way)
    staff.client.force_login(User.objects.create_superuser("librarian"))
    for title in ("Emma", "Persuasion"):
        fields = {"title": title, "author": "Jane Austen", "borrow_count": 0}
        assert staff.client.post(ADD[way], fields).status_code == 302
    first, second = sorted(_books(way))
    ann, bob = Visitor(way), Visitor(way)
    for visitor, name in ((ann, "ann"), (bob, "bob")):
        visitor.does("register", username=name, password1=PASSWORD, password2=PASSWORD)
    ann.does("borrow", first)
    assert "Too late" in bob.does("borrow", first)
    bob.does("return", first)  # not his
    ann.does("return", first)
    bob.does("borrow", first)
    bob.does("borrow", second)
    bob.does("return", second)
    if way == "library":
        gone = staff.client.post("/admin/library/bookremoved/add/", {"book": second, "reason": ""})
    else:
        gone = staff.client.post(f"/admin/traditional/book/{second}/delete/", {"post": "yes"})
    assert gone.status_code == 302


def _books(way):
    streams = {event.stream for event in _events() if event.type.endswith(".BookAdded")}
    return [int(stream.rpartition("-")[2]) for stream in streams if stream.startswith("book-") == (way == "library")]


def _events():
    return EventLog.on(database_of(connection)).read()


def streams(way):
    """What happened, by stream; numbers of books as they were added."""
    found = {}
    numbers = {}
    for event in _events():
        if event.stream is None or event.stream.startswith("traditional-") != (way == "traditional"):
            continue
        data = dict(event.data)
        if "book" in data:
            data["book"] = numbers.setdefault(data["book"], len(numbers) + 1)
        _, _, name = event.stream.removeprefix("traditional-").partition("-")
        found.setdefault(data.get("book", name), []).append((event.type.partition(".")[2], json.dumps(data)))
    return found


def told(way):
    """The streams that the clicks give; taken back, so that the same people can come again."""
    with transaction.atomic():
        play(way)
        result = streams(way)
        transaction.set_rollback(True)
    return result


def test_the_same_clicks_give_the_same_streams():
    traditional = told("traditional")
    assert traditional == told("library")
    assert [kind for kind, _ in traditional[1]] == ["BookAdded", "BookBorrowed", "BookReturned", "BookBorrowed"]
    assert [kind for kind, _ in traditional[2]] == ["BookAdded", "BookBorrowed", "BookReturned", "BookRemoved"]
    assert [kind for kind, _ in traditional["ann"]] == ["ReaderRegistered"]


def test_its_pages_show_what_happened():
    play("traditional")
    book = Book.objects.get()
    bob = Visitor("traditional", "bob")
    page = bob.sees("book", book.pk)
    assert page.index("Borrowed by <b>bob</b>") < page.index("Returned by <b>ann</b>")
    assert "BookBorrowed" in bob.sees("book_events", book.pk)
    listed = bob.sees("events")
    assert "Emma" in listed
    assert "Persuasion" not in listed
    assert BookList.objects.values_list("title", "borrow_count").get() == ("Emma", 2)


def test_who_did_it_is_known():
    play("traditional")
    (lent,) = [event for event in _events() if event.type == "adopted.BookBorrowed"][:1]
    assert lent.metadata["user"] == "ann"
    assert lent.metadata["path"].endswith("/borrow/")
    book = Book.objects.get()
    change = history(book)[0]
    assert change.metadata["user"] == "bob"
    before = as_of(book, lent.position - 2)
    assert (before.borrowed_by, before.borrow_count) == (None, 0)


def test_its_book_list_can_be_made_again():
    play("traditional")
    right = list(BookList.objects.values())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE adopted_booklist SET title = '?', borrow_count = 99")
    call_command("events", "replay", "adopted.BookList", verbosity=0)
    assert list(BookList.objects.values()) == right
