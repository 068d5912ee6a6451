"""What the works on tracking share: books of ten columns, and the ways to write them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from benchmarks.django_project.start import settle
from benchmarks.measure import timed

TRANSACTION = 1_000
SHELVES = 50
CALLS = 20

Figure = Callable[[], float]


def values(number: int) -> dict[str, Any]:
    """The ten fields of a book."""
    return {
        "title": f"The title of book no. {number:07d}",
        "author": f"Author {number % 1_000}",
        "isbn": f"{9780000000000 + number}",
        "note": "shelved twice, one page torn",
        "pages": number % 900,
        "price": Decimal(number % 10_000) / 100,
        "available": number % 2 == 0,
        "published": date(2000, 1, 1) + timedelta(days=number % 9_000),
        "added": datetime(2024, 1, 1, 12, tzinfo=timezone.utc) + timedelta(seconds=number, microseconds=678901),
        "shelf_id": number % SHELVES + 1,
    }


def make_shelves() -> None:
    from benchmarks.django_project.shop.models import Shelf

    Shelf.objects.bulk_create(Shelf(name=f"Shelf {number}") for number in range(SHELVES))


def make_books(model: Any, count: int) -> list[Any]:
    """Insert books, and return them as loaded from the database."""
    model.objects.bulk_create(model(**values(number)) for number in range(count))
    return list(model.objects.order_by("pk")[:count])


@contextmanager
def as_if_not_installed() -> Iterator[None]:
    """What a plain model costs: eventfold looks at each statement that writes, whichever table it is about."""
    from django.db import connection

    kept = connection.execute_wrappers[:]
    connection.execute_wrappers.clear()
    try:
        yield
    finally:
        connection.execute_wrappers[:] = kept


def plainly(contestant: Figure) -> Figure:
    """Run a contestant as if eventfold were not installed."""

    def measure() -> float:
        with as_if_not_installed():
            return contestant()

    return measure


def saves(books: list[Any], field: str = "title", save: Callable[[Any], None] | None = None) -> Figure:
    """Change one field of each book, and save() it; one transaction for each 1,000. Microseconds a save."""
    from django.db.transaction import atomic

    turn = 0
    save_one = save or (lambda book: book.save())

    def change() -> None:
        nonlocal turn
        turn += 1
        for number, book in enumerate(books):
            if field == "title":
                book.title = f"Title {turn:03d} of book no. {number:07d}"
            else:
                book.shelf_id = (number + turn) % SHELVES + 1

    def save_all() -> None:
        for start in range(0, len(books), TRANSACTION):
            with atomic():
                for book in books[start : start + TRANSACTION]:
                    save_one(book)

    def measure() -> float:
        change()
        settle()
        return timed(save_all, len(books))

    return measure


def creates(model: Any, count: int, create: Callable[[Any], Any] | None = None) -> Figure:
    """create() in one transaction for each 1,000. Microseconds a row."""
    from django.db.transaction import atomic

    create_one = create or (lambda fields: model.objects.create(**fields))

    def create_all(rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), TRANSACTION):
            with atomic():
                for fields in rows[start : start + TRANSACTION]:
                    create_one(fields)

    def measure() -> float:
        rows = [values(number) for number in range(count)]
        settle()
        return timed(lambda: create_all(rows), count)

    return measure


def bulk_creates(model: Any, count: int, bulk_create: Callable[[list[Any]], Any] | None = None) -> Figure:
    """bulk_create() of objects made before. Microseconds a row."""

    def measure() -> float:
        books = [model(**values(number)) for number in range(count)]
        settle()
        return timed(lambda: (bulk_create or model.objects.bulk_create)(books), count)

    return measure


def updates(model: Any) -> Figure:
    """queryset.update() of all rows, which changes a field of each. Microseconds a row."""
    from django.db.models import F

    def measure() -> float:
        count = model.objects.count()
        settle()
        return timed(lambda: model.objects.update(pages=F("pages") + 1), count)

    return measure


def per_call(call: Callable[[], object]) -> float:
    """Microseconds that a call takes."""

    def calls() -> None:
        for _ in range(CALLS):
            call()

    return timed(calls, CALLS)


def used_bytes() -> int:
    """How large the database is, without pages that are free."""
    from django.db import connection

    settle()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, "
            "pragma_page_size"
        )
        return int(cursor.fetchone()[0])


def bytes_of_saves(contestant: Figure, events: int) -> float:
    """By how many bytes an event the database grows when a contestant runs."""
    before = used_bytes()
    contestant()
    return (used_bytes() - before) / events


def as_dicts(model: Any) -> list[dict[str, Any]]:
    """What is in a table, to compare."""
    return list(model.objects.order_by("pk").values())
