"""What an event costs as the log grows: append, fold and replay at 1 M events and at 30 M."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.django_project.start import settle, start
from benchmarks.logs import settle as settle_log
from benchmarks.measure import Row, Scale, race, timed, within
from benchmarks.memory import grow
from benchmarks.titles import make_titled_log, titled
from eventfold import Count, EventLog, Latest

SHORT = 1_000_000
LONG = 30_000_000
BOOKS = 100_000
APPENDED = 100_000
ROUNDS = 3
TYPE = "library.BookTitled"
COLUMNS = {"count": Count(TYPE), "title": Latest(TYPE, "title")}


def run(folder: Path, scale: Scale) -> list[Row]:
    short, long = scale(SHORT), scale(LONG)
    books = scale(BOOKS)
    logs = {events: folder / f"{events}.db" for events in (short, long)}
    for events, path in logs.items():
        make_titled_log(path, short, books, type_name=TYPE)
        grow(path, events)
    start(logs[long])
    from django.core.management import call_command
    from django.db import connection

    def fold(events: int) -> Callable[[], float]:
        def whole() -> None:
            with EventLog(logs[events]) as log:
                assert log.fold("book", COLUMNS).get(0)[0] > 0

        return partial(timed, whole, events)

    def append(events: int) -> Callable[[], float]:
        batch = list(titled(scale(APPENDED), books, 0, TYPE))

        def measure() -> float:
            connection.close()  # one that stays open keeps the WAL of its log, which then need not grow again
            settle_log(logs[events])
            with EventLog(logs[events]) as log:
                return timed(lambda: log.append(batch), len(batch))

        return measure

    def replay(events: int) -> Callable[[], float]:
        def measure() -> float:
            connection.close()
            connection.settings_dict["NAME"] = str(logs[events])
            call_command("migrate", verbosity=0)
            settle()
            return timed(lambda: call_command("events", "replay", "library.Catalogue", verbosity=0), events)

        return measure

    rows = []
    for name, work in {"fold": fold, "replay": replay, "append": append}.items():
        figures = race(scale.rounds(ROUNDS), work(long), work(short))
        rows.append(within(f"{name}, log of 30 M", figures[0], f"{name}, log of 1 M", figures[1], 1.15))
    return rows
