from django.http import HttpRequest, HttpResponse

from tests.django.books.events import BookBorrowed
from tests.django.books.models import Shelf


def borrow(request: HttpRequest, book: int) -> HttpResponse:
    BookBorrowed.objects.create(book=book, borrowed_by="ann")
    Shelf.objects.create(name="borrowed")
    return HttpResponse("ok")


def borrow_then_fail(request: HttpRequest, book: int) -> HttpResponse:
    BookBorrowed.objects.create(book=book, borrowed_by="ann")
    Shelf.objects.create(name="borrowed")
    raise RuntimeError("after the append")


async def aborrow(request: HttpRequest, book: int) -> HttpResponse:
    event = await BookBorrowed.objects.acreate(book=book, borrowed_by="ann")
    return HttpResponse(str(event.position))
