"""Where each microsecond goes: `python -m benchmarks.stages`.

Processor time, best of several, in microseconds an event; stages do not wait, and so the time that other programs take
does not count. Stages call the private parts of eventfold, in the order in which an append or a replay does.
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.django_project.start import settle, start
from benchmarks.logs import copy_log, make_log, small_events
from benchmarks.measure import MICRO
from benchmarks.titles import TYPE, make_titled_log
from eventfold import Count, EventLog, _core

ROUNDS = 7
BULK = 100_000
SINGLE = 3_000
LOG = 1_000_000

Stages = list[tuple[str, float]]


def best(run: Callable[[], object], events: int, prepare: Callable[[], object] = lambda: None) -> float:
    """Return the least processor time an event."""
    times = []
    for _ in range(ROUNDS):
        prepare()
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times) * MICRO / events


def append(folder: Path) -> Stages:
    """EventLog.append of many events without a stream, and what the parts of the schema take of it."""
    events = small_events(BULK)
    batch = _core.encode_events(events)
    base = make_log(folder / "base.db")

    def without(*parts: str) -> float:
        bare = copy_log(base, "bare.db")
        with closing(sqlite3.connect(bare)) as connection:
            for part in parts:
                connection.execute(f"DROP {part}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        times = []
        for _ in range(ROUNDS):
            with EventLog(copy_log(bare, "append.db")) as log:
                started = time.process_time()
                log._log.append(batch)
                times.append(time.process_time() - started)
        return min(times) * MICRO / BULK

    guard = "TRIGGER eventfold_event_no_replace"
    partial_indexes = ["INDEX eventfold_event_stream", *(f"INDEX eventfold_event_slot{slot}" for slot in range(1, 5))]
    on_type = "INDEX eventfold_event_type"
    whole = without()
    unguarded = without(guard)
    fewer = without(guard, *partial_indexes)
    bare = without(guard, *partial_indexes, on_type)
    return [
        ("Python values to JSON (encode_events)", best(partial(_core.encode_events, events), BULK)),
        ("the guard against REPLACE (a trigger)", whole - unguarded),
        ("five partial indexes that have no entry for these events", unguarded - fewer),
        ("the index on type", fewer - bare),
        ("the row itself: binding, B-tree, WAL, checkpoint", bare),
    ]


def create() -> Stages:
    """BookBorrowed.objects.create in a transaction, one inline Count."""
    from django.db import connection, connections, router
    from django.db.transaction import atomic

    from benchmarks.django_project.library.events import BookBorrowed, BookSeen
    from eventfold.django.gate import native
    from eventfold.django.plan import plan_of
    from eventfold.django.save import _mark

    del connection
    alias = router.db_for_write(BookSeen)
    used = connections[alias]
    plan = plan_of(BookSeen)
    events = [BookSeen(book=number % 1_000, borrowed_by="reader-7") for number in range(SINGLE)]
    values = [event.__dict__ for event in events]

    def each(action: Callable[[int], object]) -> float:
        def whole() -> None:
            with atomic():
                for number in range(SINGLE):
                    action(number)

        return best(whole, SINGLE, settle)

    def made(model: Any) -> Callable[[int], object]:
        return lambda number: model.objects.create(book=number % 1_000, borrowed_by="reader-7")

    loop = each(lambda number: None)
    batches = [plan.encode([event], [own], "", None) for event, own in zip(events, values, strict=True)]
    instance = each(lambda number: BookSeen(book=number % 1_000, borrowed_by="reader-7")) - loop
    encode = each(lambda number: plan.encode([events[number]], [values[number]], "", None)) - loop
    gate = each(lambda number: native(used, plan.insert_sql, lambda log: None)) - loop
    core = each(lambda number: native(used, plan.insert_sql, _core.Log.append, batches[number])) - loop - gate
    appended = native(used, plan.insert_sql, _core.Log.append, batches[0])
    mark = each(lambda number: _mark(plan, [values[number]], appended, alias)) - loop
    alone, counted = each(made(BookSeen)), each(made(BookBorrowed))
    return [
        ("the instance", instance),
        ("validation and JSON (EventCodec)", encode),
        ("the gate: what a cursor would check", gate),
        ("the core: savepoint, header, row", core),
        ("telling the event its position", mark),
        ("the rest: manager, router, receivers", alone - instance - encode - gate - core - mark),
        ("the inline Count: row read, folded, written", counted - alone),
    ]


def bulk_create() -> Stages:
    """BookSeen.objects.bulk_create, objects made beforehand."""
    from django.db import connections, router

    from benchmarks.django_project.library.events import BookSeen
    from eventfold.django.gate import native
    from eventfold.django.plan import plan_of
    from eventfold.django.save import _mark

    alias = router.db_for_write(BookSeen)
    plan = plan_of(BookSeen)
    fresh: list[Any] = []

    def make() -> None:
        settle()
        fresh[:] = [BookSeen(book=number % 10_000, borrowed_by="reader-7") for number in range(BULK)]

    make()
    values = [event.__dict__ for event in fresh]
    batch = plan.encode(fresh, values, "", None)
    call = partial(native, connections[alias], plan.insert_sql, _core.Log.append, batch)
    encode = best(lambda: plan.encode(fresh, values, "", None), BULK)
    core = best(call, BULK, settle)
    appended = call()
    mark = best(lambda: _mark(plan, values, appended, alias), BULK)
    whole = best(lambda: BookSeen.objects.bulk_create(fresh), BULK, make)
    return [
        ("validation and JSON (EventCodec)", encode),
        ("the core: as EventLog.append", core),
        ("telling the events their positions", mark),
        ("the rest: collecting their values", whole - encode - core - mark),
    ]


def fold(folder: Path) -> Stages:
    """EventLog.fold of 1 M events of 43 bytes into 10,000 rows, on one thread."""
    from benchmarks.fold import by_eventfold

    path = make_titled_log(folder / "fold.db", LOG, 10_000)
    with EventLog(path) as log:
        # of no field, into one row: the data is gone through, and nothing looked for in it
        step = best(lambda: log.fold((), {"n": Count(TYPE)}, threads=1), LOG)
        folded = best(lambda: log.fold("book", _columns(), threads=1), LOG)
        whole = best(lambda: by_eventfold(log, 1), LOG)
    return [
        ("rows out of the pages of the file, their JSON gone through", step),
        ("fields, the row's place, its operations", folded - step),
        ("the dict of the result", whole - folded),
    ]


def replay(path: Path) -> Stages:
    """`events replay` of 1 M events into 100,000 rows, on one thread."""
    from django.db import connection

    from benchmarks.django_project.library.read_models import Catalogue
    from eventfold.django.gate import native
    from eventfold.django.registry import compile_model

    make_titled_log(path, LOG, 100_000, type_name="library.BookTitled")
    compiled = compile_model(Catalogue, "default")
    replays: list[Any] = []

    def scan() -> None:
        replays[:] = [native(connection, "", lambda log: _core.Replay(log, compiled.spec, None, 1))]
        native(connection, "", lambda log: replays[0].scan())

    def after(sql: str) -> float:
        def prepare() -> None:
            with connection.cursor() as cursor:
                cursor.execute(sql)
            settle()
            scan()

        return best(lambda: native(connection, "", lambda log: replays[0].write(compiled.hash)), LOG, prepare)

    return [
        ("scan and fold", best(scan, LOG)),
        ("writing: all rows are new", after("DELETE FROM library_catalogue")),
        ("writing: no row differs", after("SELECT 1")),
        ("writing: each row differs", after("UPDATE library_catalogue SET n = n + 1")),
    ]


def _columns() -> dict[str, Any]:
    from benchmarks.fold import COLUMNS

    return COLUMNS


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="eventfold-bench-") as name:
        folder = Path(name)
        start(folder / "stages.db")
        print("| work | stage | us/event |\n| --- | --- | --- |")
        for work, stages in (
            ("append", append(folder)),
            ("create", create()),
            ("bulk_create", bulk_create()),
            ("fold", fold(folder)),
            ("replay", replay(folder / "stages.db")),
        ):
            for stage, time_ in stages:
                print(f"| {work} | {stage} | {time_:.3g} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
