"""What readers do, page by page."""

import pytest

from shelves import PASSWORD

pytestmark = pytest.mark.django_db


def register(visitor, name="ann", password=PASSWORD, again=PASSWORD):
    return visitor.does("register", username=name, password1=password, password2=again)


def test_an_empty_library_says_so(visitor):
    assert "The shelves are empty" in visitor.sees("books")


def test_a_visitor_registers_and_is_logged_in(visitor):
    assert "Welcome, ann!" in register(visitor)
    assert "You have no books" in visitor.sees("my_books")


def test_a_name_that_is_taken_cannot_be_registered_again(visitor, ann):
    assert "already exists" in register(visitor, "ann")


def test_a_password_that_is_too_weak_is_refused(visitor):
    assert "too common" in register(visitor, password="password1", again="password1")
    assert visitor.status("my_books") == 302


def test_a_reader_logs_out_and_in_again(visitor):
    register(visitor)
    assert "Log in" in visitor.does("logout")
    assert visitor.status("my_books") == 302
    assert "Log out" in visitor.does("login", username="ann", password=PASSWORD)
    assert visitor.status("my_books") == 200


def test_a_wrong_password_lets_nobody_in(visitor):
    register(visitor)
    visitor.does("logout")
    assert "correct username and password" in visitor.does("login", username="ann", password="guessed")


def test_the_list_shows_title_number_and_count(shelves, ann):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    page = ann.sees("books")
    assert "Emma" in page
    assert f"№ {book}" in page
    assert "1 loan" in page
    assert "You have it" in page


def test_the_list_is_searched_by_title_and_author(shelves, visitor):
    shelves.add("Emma", "Jane Austen")
    shelves.add("Middlemarch", "George Eliot")
    assert "Middlemarch" not in visitor.sees("books", q="emma austen")
    assert "Emma" not in visitor.sees("books", q="eliot")
    assert "No book fits" in visitor.sees("books", q="emma eliot")


def test_the_list_can_leave_out_what_is_on_loan(shelves, ann):
    ann.does("borrow", shelves.add("Emma"))
    shelves.add("Persuasion")
    page = ann.sees("books", available="on")
    assert "Persuasion" in page
    assert "Emma" not in page


def test_the_list_has_pages_and_keeps_the_search_on_them(shelves, visitor):
    for number in range(25):
        shelves.add(f"Letters, volume {number:02}")
    first = visitor.sees("books", q="letters", sort="title")
    assert "Page 1 of 2" in first
    assert "q=letters&amp;sort=title&amp;page=2" in first
    assert "volume 24" not in first
    assert "volume 24" in visitor.sees("books", q="letters", sort="title", page=2)


@pytest.mark.parametrize("query", [{"page": "x"}, {"page": 99}, {"sort": "x"}, {"q": "\0"}, {"q": "9" * 50}])
def test_nonsense_in_the_address_harms_nobody(shelves, visitor, query):
    shelves.add("Emma")
    assert visitor.status("books", **query) == 200


def test_what_a_title_says_is_text_and_not_html(shelves, visitor):
    book = shelves.add("<script>alert(1)</script>")
    assert "<script>" not in visitor.sees("books") + visitor.sees("book", book)


def test_a_book_that_is_not_there_is_not_found(visitor):
    assert visitor.status("book", 7) == 404
    assert visitor.status("book", 10**30) == 404


def test_a_reader_borrows_a_book(shelves, ann):
    book = shelves.add("Emma")
    page = ann.does("borrow", book)
    assert "“Emma” is yours" in page
    assert "Return this book" in page
    assert shelves.borrower(book) == "ann"
    assert "Emma" in ann.sees("my_books")


def test_a_book_on_loan_cannot_be_borrowed(shelves, ann, bob):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    assert "Borrow this book" not in bob.sees("book", book)
    assert "Too late: ann has borrowed “Emma”." in bob.does("borrow", book)
    assert shelves.borrower(book) == "ann"
    assert shelves.loans(book) == 1


def test_nobody_borrows_a_book_twice(shelves, ann):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    assert "You have this book already." in ann.does("borrow", book)
    assert shelves.loans(book) == 1


def test_the_borrower_returns_the_book(shelves, ann):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    assert "back on the shelf" in ann.does("return", book)
    assert shelves.borrower(book) is None
    assert shelves.loans(book) == 1


def test_only_the_borrower_returns_a_book(shelves, ann, bob):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    assert "Only the reader who borrowed" in bob.does("return", book)
    assert shelves.borrower(book) == "ann"


def test_a_book_on_the_shelf_cannot_be_returned(shelves, ann):
    book = shelves.add("Emma")
    assert "Only the reader who borrowed" in ann.does("return", book)


def test_a_returned_book_can_be_borrowed_by_another_reader(shelves, ann, bob):
    book = shelves.add("Emma")
    ann.does("borrow", book)
    ann.does("return", book)
    bob.does("borrow", book)
    assert shelves.borrower(book) == "bob"
    assert shelves.loans(book) == 2


def test_a_visitor_must_log_in_to_borrow(shelves, visitor):
    book = shelves.add("Emma")
    assert "Log in to borrow it" in visitor.sees("book", book)
    assert "<h1>Log in</h1>" in visitor.does("borrow", book)
    assert shelves.borrower(book) is None


def test_opening_the_address_of_a_button_does_nothing(shelves, ann):
    book = shelves.add("Emma")
    assert ann.status("borrow", book) == 302
    assert shelves.borrower(book) is None


def test_a_book_that_is_gone_cannot_be_borrowed(ann):
    assert ann.client.post(ann.address("borrow", 7)).status_code == 302


def test_each_page_links_to_the_same_page_of_the_other_library(shelves, way, visitor):
    book = shelves.add("Emma")
    other = f"/traditional/books/{book}/" if way == "library" else f"/books/{book}/"
    assert f'href="{other}"' in visitor.sees("book", book)
