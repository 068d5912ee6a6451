"""Where the connection is borrowed, the caller's transactions are the log's."""

import sqlite3
from typing import Any

import pytest

from eventfold import EventLog
from eventfold.errors import ConcurrencyError, LogLocked


@pytest.fixture(autouse=True)
def borrowed_only(way: str) -> None:
    if way == "own":
        pytest.skip("a connection of its own has no transactions of others")


def test_a_rolled_back_append_leaves_nothing_and_its_names_are_not_used(log: EventLog, sql: Any) -> None:
    sql("BEGIN")
    log.append("Rolled", {}, stream="rolled")
    sql("ROLLBACK")
    assert log.head() == 0
    log.append("Kept", {}, stream="kept")
    log.append("Rolled", {}, stream="rolled")
    assert [(event.type, event.stream) for event in log.read()] == [("Kept", "kept"), ("Rolled", "rolled")]


def test_a_rolled_back_savepoint_takes_only_its_own_events(log: EventLog, sql: Any) -> None:
    sql("BEGIN")
    log.append("A", {"n": 1}, stream="s")
    sql("SAVEPOINT inner_one")
    log.append("B", {"n": 2}, stream="s")
    sql("ROLLBACK TO inner_one")
    log.append("C", {"n": 3}, stream="s")
    sql("COMMIT")
    assert [(event.type, event.version) for event in log.read()] == [("A", 1), ("C", 2)]


def test_a_stale_snapshot_is_a_concurrency_error(
    log: EventLog, sql: Any, raw_connection: sqlite3.Connection, tmp_path: Any
) -> None:
    log.append("A", {})
    with EventLog(tmp_path / "events.db") as other:
        sql("BEGIN")
        sql("SELECT count(*) FROM eventfold_event").fetchall()
        other.append("A", {})
        with pytest.raises(ConcurrencyError):
            log.append("A", {})
        sql("ROLLBACK")
    assert log.head() == 2


def test_a_database_locked_past_its_timeout_says_so(
    log: EventLog, raw_connection: sqlite3.Connection, tmp_path: Any
) -> None:
    raw_connection.execute("PRAGMA busy_timeout = 50")
    blocker = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogLocked):
        log.append("A", {})
    blocker.execute("ROLLBACK")
    blocker.close()
    assert log.append("A", {}) == range(1, 2)
