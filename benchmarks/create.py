"""Event.objects.create beside Django's create of a like model: in a transaction, and each in its own."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.django_project.start import settle, start
from benchmarks.logs import SEED
from benchmarks.measure import Row, Scale, faster, race, timed

EVENTS = 4_000
BOOKS = 1_000
ROUNDS = 9


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "create.db")
    from django.db.models import F
    from django.db.transaction import atomic

    from benchmarks.django_project.library.events import BookBorrowed, BookSeen
    from benchmarks.django_project.library.models import Loan, LoanCount
    from benchmarks.django_project.library.read_models import BorrowCount

    draw = random.Random(SEED)
    loans = [(draw.randrange(BOOKS), f"reader-{index % 200}") for index in range(scale(EVENTS))]
    LoanCount.objects.bulk_create(LoanCount(book=book) for book in range(BOOKS))

    def counted() -> None:
        for book, reader in loans:
            BookBorrowed.objects.create(book=book, borrowed_by=reader)

    def counted_by_django() -> None:
        for book, reader in loans:
            Loan.objects.create(book=book, borrowed_by=reader)
            LoanCount.objects.filter(book=book).update(n=F("n") + 1)

    def alone() -> None:
        for book, reader in loans:
            BookSeen.objects.create(book=book, borrowed_by=reader)

    def alone_by_django() -> None:
        for book, reader in loans:
            Loan.objects.create(book=book, borrowed_by=reader)

    def in_one_transaction(loop: Callable[[], None]) -> Callable[[], float]:
        def whole() -> None:
            with atomic():
                loop()

        return in_their_own(whole)

    def in_their_own(loop: Callable[[], None]) -> Callable[[], float]:
        def measure() -> float:
            settle()
            return timed(loop, len(loans))

        return measure

    with_model, with_update, without, create = race(
        scale.rounds(ROUNDS), *map(in_one_transaction, (counted, counted_by_django, alone, alone_by_django))
    )
    assert _as_dict(BorrowCount) == _as_dict(LoanCount)  # both sides did the same
    own, own_django = race(scale.rounds(ROUNDS), *map(in_their_own, (alone, alone_by_django)))
    django_too = 'Django create + update(F("n") + 1)'
    return [
        faster("create in atomic(), one inline Count", with_model, django_too, with_update, 6),
        faster("create in atomic(), no read model", without, "Django create", create, 3),
        faster("create, own transaction", own, "Django create", own_django, 2),
    ]


def _as_dict(model: Any) -> dict[int, int]:
    return dict(model.objects.filter(n__gt=0).values_list("book", "n"))
