"""What only the event-sourced library can do: tell what happened, and make its list again."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from eventfold.django import Event
from eventfold.errors import ImmutableEvent
from library import commands, history
from library.commands import Refused
from library.events import BookBorrowed, BookReturned, ReaderRegistered
from library.read_models import BookList
from shelves import PASSWORD, Shelves, Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def way():
    return "library"


@pytest.fixture
def staff(db):
    visitor = Visitor("library")
    visitor.client.force_login(User.objects.create_superuser("librarian"))
    return visitor


def kinds(book):
    return [entry.kind for entry in history.of_book(book)]


def test_registration_records_account_and_event(visitor):
    visitor.does("register", username="ann", password1=PASSWORD, password2=PASSWORD)
    assert ReaderRegistered.objects.get().reader == "ann"
    assert User.objects.get().username == "ann"


def test_a_registration_whose_event_fails_leaves_no_account(visitor, monkeypatch):
    def fail(**kwargs):
        raise RuntimeError("no more ink")

    monkeypatch.setattr(ReaderRegistered.objects, "create", fail)
    with pytest.raises(RuntimeError):
        visitor.does("register", username="ann", password1=PASSWORD, password2=PASSWORD)
    assert not User.objects.exists()


def test_a_loan_is_an_event_that_says_who(shelves, ann):
    ann.does("borrow", shelves.add("Emma"))
    event = BookBorrowed.objects.get()
    assert (event.book, event.borrowed_by, event.recorded.stream, event.recorded.version) == (1, "ann", "book-1", 2)


def test_a_refused_loan_records_nothing(shelves, ann, bob):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    bob.does("borrow", book)
    bob.does("return", book)
    assert kinds(book) == ["BookBorrowed", "BookAdded"]


def test_the_page_of_a_book_shows_who_had_it(shelves, ann, bob):
    book = shelves.add("Emma")
    for reader in (ann, bob):
        reader.does("borrow", book)
        reader.does("return", book)
    page = bob.sees("book", book)
    assert page.count("Borrowed by <b>ann</b>") == page.count("Returned by <b>bob</b>") == 1


def test_the_page_of_a_stream_shows_all_its_events(shelves, ann):
    book, other = shelves.add("Emma"), shelves.add("Persuasion")
    ann.does("borrow", book)
    page = ann.sees("book_events", book)
    assert "Stream <code>book-1</code> · 2 events" in page
    assert "&quot;borrowed_by&quot;:&quot;ann&quot;" in page
    assert "book-2" not in page
    assert ann.status("book_events", other + 1) == 404


def test_the_log_is_shown_by_type_and_page_after_page(shelves, ann):
    for number in range(60):
        shelves.add(f"Letters, volume {number:02}")
    ann.does("borrow", 1)
    newest = ann.sees("events")
    assert "volume 00" in newest  # just borrowed
    assert "volume 59" in newest
    assert "volume 10" not in newest
    assert "before=12" in newest
    assert "volume 10" in ann.sees("events", before=12)
    borrowed = ann.sees("events", type="BookBorrowed")
    assert "volume 00" in borrowed
    assert "volume 59" not in borrowed
    assert "Nothing of this kind" in ann.sees("events", type="BookRemoved")


@pytest.mark.parametrize("query", [{"before": "x"}, {"before": "9" * 40}, {"before": "0"}, {"type": "x"}])
def test_nonsense_in_the_address_of_the_log_harms_nobody(ann, query):
    assert ann.status("events", **query) == 200


def test_the_list_is_made_again_from_the_events(shelves, ann):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    right = list(BookList.objects.values())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE library_booklist SET title = 'Emma?', borrow_count = 99, borrowed_by = NULL")
    call_command("events", "replay", "library.BookList", verbosity=0)
    assert list(BookList.objects.values()) == right


def test_a_removed_book_leaves_the_list_but_not_the_log(shelves, ann):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    with pytest.raises(Refused, match="ann has this book"):
        commands.remove(book)
    ann.does("return", book)
    commands.remove(book, "worn out")
    assert ann.status("book", book) == 404
    assert "no longer in the library" in ann.sees("book_events", book)
    assert "Removed: worn out" in ann.sees("book_events", book)


def test_the_number_of_a_removed_book_is_not_given_out_again(shelves):
    commands.remove(shelves.add("Emma"))
    assert shelves.add("Persuasion") == 2


def test_the_staff_adds_books_in_the_admin(staff):
    response = staff.client.post("/admin/library/bookadded/add/", {"title": "Emma", "author": "Jane Austen"})
    assert response.status_code == 302
    assert "Emma" in staff.sees("book", 1)


def test_the_staff_removes_books_in_the_admin_but_none_on_loan(staff, shelves, ann):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    add = "/admin/library/bookremoved/add/"
    assert "can be removed when it is back" in staff.client.post(add, {"book": book, "reason": ""}).content.decode()
    ann.does("return", book)
    assert staff.client.post(add, {"book": book, "reason": ""}).status_code == 302
    assert not BookList.objects.exists()


@pytest.mark.parametrize(
    "model", ["bookadded", "bookborrowed", "bookreturned", "bookremoved", "readerregistered", "booklist"]
)
def test_the_admin_shows_each_type_and_offers_no_change(staff, shelves, ann, model):
    ann.does("borrow", shelves.add("Emma"))
    assert staff.client.get(f"/admin/library/{model}/").status_code == 200
    page = staff.client.get(f"/admin/library/{model}/1/change/", follow=True).content.decode()
    assert 'name="_save"' not in page
    assert "deletelink" not in page


def test_an_event_is_neither_changed_nor_deleted(shelves, ann):
    ann.does("borrow", shelves.add("Emma"))
    event: Event = BookBorrowed.objects.get()
    event.borrowed_by = "bob"
    for attempt in (event.save, event.delete, BookReturned.objects.all().delete):
        with pytest.raises(ImmutableEvent):
            attempt()


def test_the_traditional_library_cannot_tell_what_happened(db):
    shelves, ann = Shelves("traditional"), Visitor("traditional", "ann")
    book = shelves.add("Emma")
    ann.does("borrow", book)
    ann.does("return", book)
    assert "ann</b>" not in ann.sees("book", book)
    assert "has overwritten it" in ann.sees("book_events", book)
    assert "has overwritten it" in ann.sees("events")
