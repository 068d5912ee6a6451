"""What three inline read models add to an append, one event at a time and in bulk; and what the ORM would do."""

import random
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.django_project.start import settle, start
from benchmarks.logs import SEED
from benchmarks.measure import Row, Scale, at_most_more, compare, race, timed

SINGLE = 4_000
BULK = 100_000
BOOKS = 1_000
READERS = 500
ROUNDS = 9
BULK_ROUNDS = 5


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "inline.db")
    from django.db.models import F
    from django.db.transaction import atomic

    from benchmarks.django_project.lending.events import BookLent, BookLentUnread
    from benchmarks.django_project.lending.models import BookTotal, DayTotal, Loan, ReaderTotal
    from benchmarks.django_project.lending.read_models import BookLoans, LoansByDay, ReaderLoans

    draw = random.Random(SEED)
    loans = [
        {"book": (book := draw.randrange(BOOKS)), "reader": draw.randrange(READERS), "title": f"Title of book {book}"}
        for _ in range(scale(SINGLE))
    ]
    many = [loans[index % len(loans)] for index in range(scale(BULK))]
    today = datetime.now(timezone.utc).date()
    BookTotal.objects.bulk_create(BookTotal(book=book, title="") for book in range(BOOKS))
    ReaderTotal.objects.bulk_create(ReaderTotal(reader=reader) for reader in range(READERS))
    DayTotal.objects.create(day=today)

    def by_orm() -> None:
        for loan in loans:
            Loan.objects.create(**loan)
            BookTotal.objects.filter(book=loan["book"]).update(loans=F("loans") + 1, title=loan["title"])
            ReaderTotal.objects.filter(reader=loan["reader"]).update(loans=F("loans") + 1, last_book=loan["book"])
            DayTotal.objects.filter(day=today).update(loans=F("loans") + 1)

    def singly(work: Callable[[], None]) -> Callable[[], float]:
        def whole() -> None:
            with atomic():
                work()

        def measure() -> float:
            settle()
            return timed(whole, len(loans))

        return measure

    def each(model: Any) -> Callable[[], None]:
        def create() -> None:
            for loan in loans:
                model.objects.create(**loan)

        return create

    def in_bulk(model: Any) -> Callable[[], float]:
        def measure() -> float:
            settle()
            events = [model(**loan) for loan in many]
            return timed(lambda: model.objects.bulk_create(events), len(many))

        return measure

    rounds = scale.rounds(ROUNDS)
    read, unread, orm = race(rounds, singly(each(BookLent)), singly(each(BookLentUnread)), singly(by_orm))
    totals = {row.book: (row.loans, row.title) for row in BookTotal.objects.filter(loans__gt=0)}
    assert {row.book: (row.loans, row.title) for row in BookLoans.objects.all()} == totals  # both sides did the same
    bulk_read, bulk_unread = race(scale.rounds(BULK_ROUNDS), in_bulk(BookLent), in_bulk(BookLentUnread))
    assert BookLent.objects.count() == sum(row.loans for row in LoansByDay.objects.all())
    assert BookLent.objects.count() == sum(row.loans for row in ReaderLoans.objects.all())
    create, bulk = "create in atomic(), three inline read models", "bulk_create of 100 k, three inline read models"
    return [
        at_most_more(create, read, "no read model", unread, 10),
        compare(create, read, 'Django create + three update(F("n") + 1)', orm),
        at_most_more(bulk, bulk_read, "no read model", bulk_unread, 3),
    ]
