"""What a project does with its events; each result has a type of its own, so that an Any would be noticed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models.signals import pre_save
from django.dispatch import receiver

from eventfold import InvalidEvent, WrongExpectedVersion
from eventfold.django import EventQuerySet
from library.events import BookAdded, BookBorrowed, BorrowedQuerySet
from library.read_models import BookList


@receiver(pre_save, sender=BookBorrowed)
def one_reader_at_a_time(sender: type[BookBorrowed], instance: BookBorrowed, **kwargs: Any) -> None:
    if BookList.objects.filter(book=instance.book, borrowed_by__isnull=False).exists():
        raise InvalidEvent(f"book {instance.book} is not here")


def borrow(book: int, reader: str) -> BookBorrowed:
    return BookBorrowed.objects.create(book=book, borrowed_by=reader)


def borrow_if_nothing_happened(book: int, reader: str, version: int) -> BookBorrowed | None:
    try:
        return BookBorrowed.objects.expect_version(version).create(book=book, borrowed_by=reader)
    except WrongExpectedVersion:
        return None


def add(titles: dict[int, str], upload: str) -> list[BookAdded]:
    events = [BookAdded(book=book, title=title) for book, title in titles.items()]
    return BookAdded.objects.idempotent(upload).bulk_create(events)


def add_once(book: int, title: str) -> tuple[BookAdded, bool]:
    return BookAdded.objects.get_or_create(book=book, defaults={"title": title})


async def add_asynchronously(book: int, title: str) -> BookAdded:
    return await BookAdded.objects.acreate(book=book, title=title)


def add_with_metadata(book: int, title: str, user: str) -> UUID | None:
    event = BookAdded(book=book, title=title)
    event.recorded.metadata = {"user": user}
    event.save()
    return event.recorded.event_id


def loans_of(reader: str) -> BorrowedQuerySet:
    return BookBorrowed.objects.by(reader)


def latest(using: str) -> EventQuerySet[BookAdded]:
    return BookAdded.objects.using(using).filter(price__isnull=False).order_by("-position")


def when_borrowed(book: int) -> list[datetime]:
    return [event.created for event in BookBorrowed.objects.filter(book=book)]


def row_of(book: int) -> BookList:
    return BookList.objects.get(book=book)


def titles_without_readers() -> list[str]:
    return list(BookList.objects.filter(borrow_count=0).values_list("title", flat=True))
