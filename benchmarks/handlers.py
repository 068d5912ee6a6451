"""`manage.py events replay` with a rule in Python, for each event or for many, beside the ORM's get and save."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.django_project.start import settle, start
from benchmarks.logs import BATCH, SEED
from benchmarks.measure import Row, Scale, faster, race, timed
from eventfold import EventLog, NewEvent

EVENTS = 200_000
ROWS = 2_000
SAMPLE = 5_000
ROUNDS = 5


def run(folder: Path, scale: Scale) -> list[Row]:
    path = folder / "handlers.db"
    start(path, "benchmarks.django_project.rules")
    from django.core.management import call_command

    from benchmarks.django_project.rules.events import Lent
    from benchmarks.django_project.rules.models import PlainLoans
    from benchmarks.django_project.rules.read_models import LoansByBatch, LoansByEach

    events, sample = scale(EVENTS), scale(SAMPLE)
    _append(path, events)
    settle()

    def replay(label: str) -> Callable[[], float]:
        return lambda: timed(lambda: call_command("events", "replay", label, verbosity=0), events)

    read = list(Lent.objects.order_by("position")[:sample])  # for nothing: its peers read them too

    def by_orm() -> float:
        PlainLoans.objects.all().delete()
        PlainLoans.objects.bulk_create(PlainLoans(book=book) for book in {event.book for event in read})
        settle()
        return timed(lambda: get_and_save(read), sample)

    each, batch, orm = race(scale.rounds(ROUNDS), replay("rules.LoansByEach"), replay("rules.LoansByBatch"), by_orm)
    assert _rows(LoansByEach) == _rows(LoansByBatch) == _expected(events)
    assert _rows(PlainLoans) == _expected(sample)
    peer = "ORM, get() and save() (sample)"
    return [
        faster("replay 200 k, one @on for each event", each, peer, orm, 10),
        faster("replay 200 k, one @on_batch", batch, peer, orm, 30),
    ]


def get_and_save(events: list[Any]) -> None:
    """What a receiver would do for each event, in one transaction."""
    from django.db.transaction import atomic

    from benchmarks.django_project.rules.models import PlainLoans
    from benchmarks.django_project.rules.read_models import take

    with atomic():
        for event in events:
            row = PlainLoans.objects.get(book=event.book)
            take(row, event)
            row.save()


def _lent(count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(SEED)
    for index in range(count):
        yield {"book": draw.randrange(ROWS), "reader": f"reader {index:06d}", "days": draw.randrange(60)}


def _append(path: Path, count: int) -> None:
    with EventLog(path) as log:
        batch: list[NewEvent] = []
        for data in _lent(count):
            batch.append(NewEvent("rules.Lent", data))
            if len(batch) == BATCH:
                log.append(batch)
                batch = []
        log.append(batch)


def _expected(count: int) -> dict[int, tuple[int, int, str]]:
    found: dict[int, tuple[int, int, str]] = {}
    for data in _lent(count):
        loans, longest, _ = found.get(data["book"], (0, 0, ""))
        found[data["book"]] = loans + 1, max(longest, data["days"]), data["reader"]
    return found


def _rows(model: Any) -> dict[int, tuple[int, int, str]]:
    return {book: tuple(rest) for book, *rest in model.objects.values_list("book", "loans", "longest", "reader")}
