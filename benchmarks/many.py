"""`manage.py events replay` of twenty read models at once, which reads the log once, beside one of them.

1 M events of three types, 0.6 M of them loans. The commands are timed in a process that has Django loaded, and no row
differs: what is measured is reading, folding and comparing.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean

from benchmarks.django_project.start import settle, start
from benchmarks.logs import BATCH, SEED
from benchmarks.measure import Row, Scale, compare, race, timed, within
from eventfold import EventLog, NewEvent

EVENTS = 1_000_000
BOOKS = 100_000
READERS = 10_000
ROUNDS = 5
APP = "benchmarks.django_project.many"


def run(folder: Path, scale: Scale) -> list[Row]:
    path = folder / "many.db"
    start(path, APP)
    from django.core.management import call_command

    from benchmarks.django_project.many.models import TWENTY

    events = scale(EVENTS)
    _make_log(path, events, scale(BOOKS), scale(READERS))
    labels = [model._meta.label for model in TWENTY]
    assert len(labels) == 20

    def replay(*names: str) -> Callable[[], float]:
        def measure() -> float:
            settle()
            return timed(lambda: call_command("events", "replay", *names, verbosity=0), events)

        return measure

    replay(*labels)()
    assert all(model._base_manager.exists() for model in TWENTY)
    together, *alone = race(scale.rounds(ROUNDS), replay(*labels), *(replay(label) for label in labels))
    one = [mean(times) for times in zip(*alone, strict=True)]
    return [
        within("replay 20 read models, 1 M events", together, "one of them alone, on average", one, 6),
        compare("replay 20 read models, 1 M events", together, "one of them alone, the slowest", max(alone, key=min)),
        compare("replay 20 read models, 1 M events", together, "one after the other", [20 * time for time in one]),
    ]


def _make_log(path: Path, count: int, books: int, readers: int) -> None:
    def events() -> Iterator[NewEvent]:
        draw = random.Random(SEED)
        for _ in range(count):
            about = {"book": draw.randrange(books), "reader": draw.randrange(readers)}
            kind = draw.random()
            if kind < 0.6:
                branch = f"branch {draw.randrange(50)}"
                yield NewEvent("many.Lent", {**about, "branch": branch, "fee": draw.randrange(50)})
            elif kind < 0.9:
                yield NewEvent("many.Returned", {**about, "branch": f"branch {draw.randrange(50)}"})
            else:
                yield NewEvent("many.Rated", {**about, "stars": draw.randrange(1, 6)})

    with EventLog(path) as log:
        batch: list[NewEvent] = []
        for event in events():
            batch.append(event)
            if len(batch) == BATCH:
                log.append(batch)
                batch = []
        log.append(batch)
