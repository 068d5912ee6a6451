"""Logs to measure on: their events, and files that hold many."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from eventfold import EventLog, NewEvent

SEED = 20130101
TYPE = "Lent"
BATCH = 100_000

StreamNames = Callable[[random.Random], str | None]


def small_events(count: int, streams: StreamNames = lambda _: None, *, seed: int = SEED) -> list[NewEvent]:
    """Events of about 40 bytes of JSON: which book, and who took it."""
    draw = random.Random(seed)
    return [
        NewEvent(TYPE, {"book": draw.randrange(10_000), "borrowed_by": f"reader-{index % 2_000}"}, streams(draw))
        for index in range(count)
    ]


def make_log(path: Path, count: int = 0, streams: StreamNames = lambda _: None) -> Path:
    """Make a log file with `count` small events, all of it in the main file."""
    with EventLog(path) as log:
        for start in range(0, count, BATCH):
            log.append(small_events(min(BATCH, count - start), streams, seed=SEED + 1 + start))
    settle(path)
    return path


def settle(path: Path) -> None:
    """Bring the WAL into the file, so that nobody's time includes what another has left there."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def copy_log(base: Path, name: str) -> Path:
    """A fresh copy beside the original, as each round needs one."""
    copy = base.with_name(name)
    for suffix in ("", "-wal", "-shm"):
        copy.with_name(name + suffix).unlink(missing_ok=True)
    shutil.copyfile(base, copy)
    return copy
