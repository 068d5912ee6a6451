"""Fold 1 M events of 1 M distinct text keys: as a lazy mapping, and as a dict in Python; beside DuckDB and orjson."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import orjson

from benchmarks.duck import Duck
from benchmarks.fold import TYPE_ID
from benchmarks.logs import BATCH, settle
from benchmarks.measure import Row, Scale, at_rate, compare, race, timed, within
from eventfold import Count, EventLog, Latest, NewEvent

EVENTS = 1_000_000
TYPE = "Registered"
ROUNDS = 5
COLUMNS = {"count": Count(TYPE), "title": Latest(TYPE, "title")}

Rows = dict[str, tuple[int, str]]


def make_log(path: Path, events: int) -> None:
    """Each event has a key of its own, in no order."""
    with EventLog(path) as log:
        for start in range(0, events, BATCH):
            log.append(
                [
                    NewEvent(TYPE, {"book": f"isbn-{number * 7919 % events:09d}", "title": f"title no. {number:09d}"})
                    for number in range(start, min(start + BATCH, events))
                ]
            )
    settle(path)


def run(folder: Path, scale: Scale) -> list[Row]:
    path = folder / "keys.db"
    events = scale(EVENTS)
    make_log(path, events)
    duck = Duck(path, threads=2, key="VARCHAR")
    with EventLog(path) as log, closing(sqlite3.connect(path)) as connection:

        def lazy() -> None:
            assert len(log.fold("book", COLUMNS)) == events

        def as_dict() -> Rows:
            rows: Rows = log.fold("book", COLUMNS).to_dict()
            return rows

        def by_orjson() -> Rows:
            rows: Rows = {}
            found = connection.execute(
                f"SELECT data FROM eventfold_event WHERE type_id = {TYPE_ID} ORDER BY position", (TYPE,)
            )
            for (data,) in found:
                event = orjson.loads(data)
                count, _ = rows.get(event["book"], (0, ""))
                rows[event["book"]] = count + 1, event["title"]
            return rows

        assert as_dict() == by_orjson() == duck.fold_text()
        works: list[Callable[[], object]] = [lazy, as_dict, by_orjson, duck.keep_text, duck.fold_text]
        ours, ours_dict, loop, text, text_dict = race(
            scale.rounds(ROUNDS), *(partial(timed, work, events) for work in works)
        )
    work = "fold 1 M, 1 M distinct text keys"
    return [
        at_rate(f"{work}, lazy mapping", ours, "DuckDB, JSON text, kept in DuckDB", text, 3_000_000),
        within(f"{work}, lazy mapping", ours, "DuckDB, JSON text, kept in DuckDB", text, 1.3),
        at_rate(f"{work}, as a dict", ours_dict, "sqlite3 + orjson", loop, 1_300_000),
        compare(f"{work}, as a dict", ours_dict, "DuckDB, JSON text", text_dict),
    ]
