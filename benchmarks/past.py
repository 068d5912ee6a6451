"""What tracked rows were: one of 1,000 changes, and a table of 50 k rows after 100 k events.

The peer has a history table as other packages keep it, a copy of the row for each change: a copy is found at once, and
costs its bytes and time when it is made.
"""

from pathlib import Path
from typing import Any

from benchmarks.django_project.start import settle, start
from benchmarks.measure import Row, Scale, Target, compare, race, timed

CHANGES = 1_000
ROWS = 50_000
ROUNDS = 10
CALLS = 20
TABLE_ROUNDS = 5
MOST_MILLISECONDS = 1.0


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "past.db")
    from django.core.management import call_command
    from django.db import transaction
    from django.db.models import F, Max

    from benchmarks.django_project.stock.models import Book, BookSnapshot
    from eventfold.django import as_of, history, past, track

    changes, rows = scale(CHANGES), scale(ROWS)
    track(Book)
    call_command("migrate", verbosity=0)

    def copy_of(book: Any) -> Any:
        values = {field.attname: getattr(book, field.attname) for field in Book._meta.concrete_fields}
        return BookSnapshot(key=values.pop("id"), **values)

    with transaction.atomic():
        Book.objects.bulk_create(Book(title=f"The book {n}", author=f"Author {n}", pages=n) for n in range(rows))
        BookSnapshot.objects.bulk_create(copy_of(book) for book in Book.objects.all())
        Book.objects.update(shelf=F("shelf") + 1)
        BookSnapshot.objects.bulk_create(copy_of(book) for book in Book.objects.all())
    whole, last_copy = history(Book).first().position, BookSnapshot.objects.latest("pk").pk
    with transaction.atomic():
        book = Book.objects.first()
        for number in range(changes):
            book.pages = -number
            book.save()
            copy_of(book).save()
    newest, newest_copy = history(book).first().position, BookSnapshot.objects.latest("pk").pk

    def one() -> float:
        return timed(lambda: [as_of(book, newest) for _ in range(CALLS)], CALLS)

    def one_copy() -> float:
        copies = BookSnapshot.objects.filter(key=book.pk, pk__lte=newest_copy)
        return timed(lambda: [copies.latest("pk") for _ in range(CALLS)], CALLS)

    def table() -> float:
        settle()
        with past(whole):
            return timed(lambda: list(Book.objects.values_list()), 2 * rows)

    def copies() -> float:
        settle()
        latest = BookSnapshot.objects.filter(pk__lte=last_copy).values("key").annotate(last=Max("pk")).values("last")
        return timed(lambda: list(BookSnapshot.objects.filter(pk__in=latest).values_list()), 2 * rows)

    assert as_of(book, newest).pages == book.pages
    with past(whole):
        assert Book.objects.get(pk=book.pk).pages == 0
        assert Book.objects.filter(shelf=1).count() == rows
    ours, by_copy = race(scale.rounds(ROUNDS), one, one_copy)
    tables, by_copies = race(scale.rounds(TABLE_ROUNDS), table, copies)
    return [
        Row(
            "as_of one row of 1,000 changes",
            ours,
            "newest of 1,000 copies",
            by_copy,
            Target(f"at most {MOST_MILLISECONDS:g} ms", min(ours) <= MOST_MILLISECONDS * 1000),
            unit="us",
        ),
        compare("past of 50 k rows, 100 k events, read whole", tables, "newest of two copies of each", by_copies),
    ]
