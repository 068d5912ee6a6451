"""One suite for every way of reaching a database: the same tests must pass on each."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventfold import EventLog, _borrow
from eventfold.errors import DatabaseError

_borrow.bind(sqlite3)

WAYS = ["own", "load_extension", "auto_extension", "dbapi"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def raw_connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        yield connection


@pytest.fixture
def log(way: str, raw_connection: sqlite3.Connection, tmp_path: Path) -> Iterator[EventLog]:
    if way == "own":
        log = EventLog(tmp_path / "events.db")
    else:
        try:
            log = EventLog.on(_borrow.borrow(raw_connection, sqlite3, way))
        except DatabaseError as error:
            pytest.skip(f"this Python has not this way: {error}")
        log._log.install()
    with log:
        yield log


@pytest.fixture
def sql(log: EventLog, raw_connection: sqlite3.Connection) -> Any:
    """Run SQL on the connection of the log where it is borrowed, else on another one to the same file."""
    return raw_connection.execute
