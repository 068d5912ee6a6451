"""Words for the tests: shelves with books, and people who visit the pages."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

import library.commands
from library.read_models import BookList
from traditional.models import Book

PASSWORD = "a long walk in the rain"


class Shelves:
    def __init__(self, way):
        self.way = way

    def add(self, title, author="Jane Austen"):
        """Put a book on the shelf and return its number."""
        if self.way == "library":
            return library.commands.add(title, author).book
        return Book.objects.create(title=title, author=author).pk

    def borrower(self, book):
        """Who has the book: a name, or None."""
        if self.way == "library":
            return BookList.objects.get(pk=book).borrowed_by
        user = Book.objects.get(pk=book).borrowed_by
        return user.username if user else None

    def loans(self, book):
        return (BookList if self.way == "library" else Book).objects.get(pk=book).borrow_count


class Visitor:
    """Opens pages and presses buttons; `name` has an account and is logged in."""

    def __init__(self, way, name=None):
        self.way = way
        self.client = Client()
        if name:
            user, _ = User.objects.get_or_create(username=name)
            self.client.force_login(user)

    def address(self, name, /, *args):
        return reverse(f"{self.way}:{name}", args=args)

    def sees(self, name, /, *args, **query):
        """The text of a page, which must be there."""
        response = self.client.get(self.address(name, *args), query)
        assert response.status_code == 200, response
        return response.content.decode()

    def status(self, name, /, *args, **query):
        return self.client.get(self.address(name, *args), query).status_code

    def does(self, name, /, *args, **data):
        """Post a form and return the text of the page that one lands on."""
        return self.client.post(self.address(name, *args), data, follow=True).content.decode()
