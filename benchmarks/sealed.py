"""Folds of a sealed log, out of its columns, beside DuckDB on Parquet; and what sealing costs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.duck import Duck
from benchmarks.fold import BOOKS, EVENTS, by_eventfold
from benchmarks.keys import COLUMNS as BY_KEY
from benchmarks.keys import make_log
from benchmarks.measure import Row, Scale, compare, faster, race, timed, within
from benchmarks.titles import WIDTHS, make_titled_log
from eventfold import EventLog

ROUNDS = 7


def run(folder: Path, scale: Scale) -> list[Row]:
    rows: list[Row] = []
    for width, padding in WIDTHS.items():
        path = make_titled_log(folder / f"{width}.db", scale(EVENTS), BOOKS, padding)
        rows += at_width(path, scale, f"fold 1 M of {width} bytes, sealed")
    return [*rows, *sealing(folder / f"{min(WIDTHS)}.db", scale), *distinct_keys(folder / "keys.db", scale)]


def seal(log: EventLog, events: int) -> None:
    """Seal all of it; a quick run has too few events for a segment of the usual size."""
    log.seal(positions=min(65_536, events // 4))


def at_width(path: Path, scale: Scale, work: str) -> list[Row]:
    """On two threads and on one, beside both forms of Parquet."""
    events = scale(EVENTS)
    rows: list[Row] = []
    with EventLog(path) as log:
        expected = by_eventfold(log)
        seal(log, events)
        for threads, note in ((2, ""), (1, ", 1 thread")):
            duck = Duck(path, threads)
            folds = [partial(by_eventfold, log, threads), duck.fold_text, duck.fold_typed]
            assert all(fold() == expected for fold in folds)
            ours, text, typed = race(scale.rounds(ROUNDS), *(partial(timed, fold, events) for fold in folds))
            rows.append(faster(work + note, ours, f"DuckDB, JSON text in Parquet{note}", text, 1))
            rows.append(compare(work + note, ours, f"DuckDB, typed columns in Parquet{note}", typed))
    return rows


def sealing(path: Path, scale: Scale) -> list[Row]:
    """What making the columns takes, in time and space, beside typed Parquet made of JSON in Parquet."""
    events = scale(EVENTS)
    duck = Duck(path, threads=1)
    with EventLog(path) as log:

        def sealed() -> float:
            log.unseal()
            return timed(partial(seal, log, events), events)

        ours, theirs = race(scale.rounds(3), sealed, partial(timed, duck.write_typed, events))
        found = log.segments()
    size = found["bytes"] / found["positions"]
    return [
        compare("seal 1 M of 43 bytes", ours, "DuckDB, JSON in Parquet to typed columns", theirs),
        compare("seal 1 M of 43 bytes", [size], "typed Parquet", [duck.typed_bytes() / events], unit="bytes/event"),
    ]


def distinct_keys(path: Path, scale: Scale) -> list[Row]:
    """1 M text keys, each different."""
    events = scale(EVENTS)
    make_log(path, events)
    duck = Duck(path, threads=2, key="VARCHAR")
    with EventLog(path) as log:
        seal(log, events)

        def lazy() -> None:
            assert len(log.fold("book", BY_KEY)) == events

        works: list[Callable[[], object]] = [lazy, duck.keep_text]
        ours, text = race(scale.rounds(5), *(partial(timed, work, events) for work in works))
    work = "fold 1 M, 1 M distinct text keys, sealed, lazy mapping"
    return [within(work, ours, "DuckDB, JSON text, kept in DuckDB", text, 1.3)]
