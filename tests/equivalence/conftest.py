"""A log in a file, and a table for its read model."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventfold import EventLog, _borrow

from .library import Library

_borrow.bind(sqlite3)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None, timeout=20)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        log = EventLog.on(_borrow.borrow(connection, sqlite3))
        log._log.install()
        yield Library(connection, log)
