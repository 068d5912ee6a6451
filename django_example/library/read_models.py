"""What the pages read. The rows are folded from the events, and `manage.py events replay` can make them again."""

from django.db import models

from eventfold.django import Count, Latest, ReadModel
from library.events import BookAdded, BookBorrowed, BookRemoved, BookReturned


class BookList(ReadModel):
    book = models.BigIntegerField(primary_key=True)
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200)
    borrow_count = models.PositiveIntegerField(default=0)
    borrowed_by = models.CharField(max_length=150, null=True)
    borrowed_on = models.DateField(null=True)

    class Projection:
        key = "book"
        title = Latest(BookAdded, "title")
        author = Latest(BookAdded, "author")
        borrow_count = Count(BookBorrowed)
        borrowed_by = Latest(BookBorrowed, "borrowed_by", cleared_by=BookReturned)
        borrowed_on = Latest(BookBorrowed, "day", cleared_by=BookReturned)
        delete_on = BookRemoved

    class Meta:
        verbose_name = "book list"
        verbose_name_plural = "book list"

    def __str__(self):
        return self.title
