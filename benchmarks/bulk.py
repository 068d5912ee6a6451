"""Event.objects.bulk_create of 100 k events, validated, beside Django's bulk_create of a like model, which is not."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.django_project.start import settle, start
from benchmarks.logs import SEED
from benchmarks.measure import Row, Scale, compare, faster, race, timed

EVENTS = 100_000
ROUNDS = 5


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "bulk.db")
    from benchmarks.django_project.library.events import BookSeen
    from benchmarks.django_project.library.models import Loan

    draw = random.Random(SEED)
    loans = [(draw.randrange(10_000), f"reader-{index % 2_000}") for index in range(scale(EVENTS))]

    def make(model: Any) -> list[Any]:
        return [model(book=book, borrowed_by=reader) for book, reader in loans]

    def made_before(model: Any) -> Callable[[], float]:
        def measure() -> float:
            settle()
            objects = make(model)
            return timed(lambda: model.objects.bulk_create(objects), len(loans))

        return measure

    def made_within(model: Any) -> Callable[[], float]:
        def measure() -> float:
            settle()
            return timed(lambda: model.objects.bulk_create(make(model)), len(loans))

        return measure

    ours, django, ours_made, django_made = race(
        scale.rounds(ROUNDS), made_before(BookSeen), made_before(Loan), made_within(BookSeen), made_within(Loan)
    )
    return [
        faster("bulk_create of 100 k", ours, "Django bulk_create", django, 4.5),
        compare("bulk_create of 100 k, objects made too", ours_made, "Django bulk_create", django_made),
    ]
