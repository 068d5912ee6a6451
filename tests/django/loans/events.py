from eventfold.django import track
from tests.django.loans.models import Book, Library, Shelf

track(Book, exclude=["note"], mask=["secret"])
track(Library)
track(Shelf)
