"""Fold 1 M events into {book: (count, latest title)}, the result read into Python."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import orjson

from benchmarks.duck import Duck, Rows
from benchmarks.measure import Row, Scale, at_rate, compare, faster, race, timed
from benchmarks.titles import TYPE, WIDTHS, make_titled_log
from eventfold import Count, EventLog, Latest

EVENTS = 1_000_000
BOOKS = 10_000
MANY_BOOKS = 100_000
ROUNDS = 7
COLUMNS = {"count": Count(TYPE), "title": Latest(TYPE, "title")}
TYPE_ID = "(SELECT id FROM eventfold_type WHERE name = ?)"

Fold = Callable[[], Rows]


def by_eventfold(log: EventLog, threads: int = 2) -> Rows:
    rows: Rows = log.fold("book", COLUMNS, threads=threads).to_dict()
    return rows


def by_orjson(connection: sqlite3.Connection) -> Rows:
    """The loop that a careful Python programmer would write."""
    counts: dict[int, int] = defaultdict(int)
    titles: dict[int, str] = {}
    loads = orjson.loads
    for (data,) in connection.execute(
        f"SELECT data FROM eventfold_event WHERE type_id = {TYPE_ID} ORDER BY position", (TYPE,)
    ):
        event = loads(data)
        book = event["book"]
        counts[book] += 1
        titles[book] = event["title"]
    return {book: (count, titles[book]) for book, count in counts.items()}


def by_sql(connection: sqlite3.Connection) -> Rows:
    found = connection.execute(  # with max(), SQLite takes the other columns from the row that has it
        "SELECT data ->> 'book', count(*), data ->> 'title', max(position) FROM eventfold_event "
        f"WHERE type_id = {TYPE_ID} GROUP BY data ->> 'book'",
        (TYPE,),
    )
    return {book: (count, title) for book, count, title, _ in found}


def run(folder: Path, scale: Scale) -> list[Row]:
    rows: list[Row] = []
    for width, padding in WIDTHS.items():
        rows += at_width(folder / f"{width}.db", scale, width, padding)
    return [*rows, *many_keys(folder / "many.db", scale)]


def at_width(path: Path, scale: Scale, width: int, padding: int) -> list[Row]:
    events = scale(EVENTS)
    make_titled_log(path, events, BOOKS, padding)
    duck = Duck(path, threads=2)
    duck_1 = Duck(path, threads=1)
    with EventLog(path) as log, closing(sqlite3.connect(path)) as connection:
        narrow = width == min(WIDTHS)
        folds: list[Fold] = [
            lambda: by_eventfold(log),
            lambda: by_orjson(connection),
            duck.fold_text,
            duck.fold_typed,
            *([lambda: by_eventfold(log, 1), duck_1.fold_text, lambda: by_sql(connection)] if narrow else []),
        ]
        expected = by_orjson(connection)
        for fold in folds:
            assert fold() == expected
        ours, orjson_, text, typed, *more = race(scale.rounds(ROUNDS), *_timed(folds, events))
    work = f"fold 1 M of {width} bytes"
    by_loop = (work, ours, "sqlite3 + orjson", orjson_)
    rows = [
        faster(*by_loop, 6) if narrow else compare(*by_loop),
        compare(work, ours, "DuckDB, JSON text in Parquet", text),
        compare(work, ours, "DuckDB, typed columns in Parquet", typed),
    ]
    if narrow:
        one_thread, text_1, sql = more
        rows.insert(0, at_rate(work, ours, "sqlite3 + orjson", orjson_, 10_000_000))
        rows.append(compare(work, ours, "SQL GROUP BY", sql))
        rows.append(compare(f"{work}, 1 thread", one_thread, "DuckDB, JSON text, 1 thread", text_1))
    return rows


def many_keys(path: Path, scale: Scale) -> list[Row]:
    events = scale(EVENTS)
    make_titled_log(path, events, MANY_BOOKS)
    with EventLog(path) as log, closing(sqlite3.connect(path)) as connection:
        folds: list[Fold] = [lambda: by_eventfold(log), lambda: by_orjson(connection)]
        assert folds[0]() == folds[1]()
        ours, peer = race(scale.rounds(ROUNDS), *_timed(folds, events))
    return [compare("fold 1 M of 43 bytes, 100 k keys", ours, "sqlite3 + orjson", peer)]


def _timed(folds: list[Fold], events: int) -> list[Callable[[], float]]:
    return [partial(timed, fold, events) for fold in folds]
