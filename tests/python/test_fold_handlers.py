"""What a fold calls in Python, and how it is stopped."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventfold import EventLog, NewEvent, ProjectionError, _borrow, _core

SPEC: dict[str, Any] = {
    "name": "Loans",
    "table": "loans",
    "key": [{"column": "book", "field": "book", "kind": "integer"}],
    "columns": [
        {"column": "n", "kind": "integer", "op": "count", "from": [["Borrowed", None]], "cleared_by": [], "initial": 0},
        {"column": "note", "kind": "text", "op": "handler", "from": [], "cleared_by": [], "initial": ""},
    ],
    "delete_on": [],
    "handlers": ["Borrowed"],
    "events": {"Borrowed": {"book": {"kind": "integer", "keys": ["book"]}}},
}
Row = dict[str, Any]


class Stop(Exception):
    pass


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    _borrow.bind(sqlite3)
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE loans (book INTEGER PRIMARY KEY, n INTEGER NOT NULL, note TEXT NOT NULL)")
        yield connection


@pytest.fixture
def log(connection: sqlite3.Connection) -> EventLog:
    log = EventLog.on(_borrow.borrow(connection, sqlite3))
    log._log.install()
    return log


def borrow(log: EventLog, books: list[int], handler: Callable[..., None] | None = None) -> None:
    read_models = _core.ReadModels([json.dumps(SPEC)], {"Loans": handler}) if handler else None
    log._log.append(
        _core.encode_events([NewEvent("Borrowed", {"book": book}) for book in books]), read_models=read_models
    )


def rows(connection: sqlite3.Connection) -> list[Any]:
    return connection.execute("SELECT * FROM loans ORDER BY book").fetchall()


def test_a_handler_sees_each_row_after_the_other_operations(log: EventLog, connection: sqlite3.Connection) -> None:
    seen = []

    def handler(row: Row, event: tuple[Any, ...]) -> None:
        seen.append((dict(row), event[0], event[1], event[3]))
        row["note"] += f"{row['n']},"

    borrow(log, [7, 8, 7], handler)
    assert rows(connection) == [(7, 2, "1,2,"), (8, 1, "1,")]
    assert seen == [
        ({"book": 7, "n": 1, "note": ""}, "Borrowed", 1, '{"book":7}'),
        ({"book": 8, "n": 1, "note": ""}, "Borrowed", 2, '{"book":8}'),
        ({"book": 7, "n": 2, "note": "1,"}, "Borrowed", 3, '{"book":7}'),
    ]
    seen.clear()
    assert _core.Replay(log._log, json.dumps(SPEC), handler).write()["updated"] == 0
    assert len(seen) == 3


def test_what_a_handler_raises_comes_out_as_it_is_and_nothing_remains(
    log: EventLog, connection: sqlite3.Connection
) -> None:
    error = Stop("no")

    def handler(row: Row, event: tuple[Any, ...]) -> None:
        if row["book"] == 9:
            raise error

    with pytest.raises(Stop) as caught:
        borrow(log, [7, 9], handler)
    assert caught.value is error
    assert log.head() == 0
    assert rows(connection) == []
    borrow(log, [9])
    for call in (_core.Replay(log._log, json.dumps(SPEC), handler).scan, lambda: fold(log, handler)):
        with pytest.raises(Stop) as caught:
            call()
        assert caught.value is error


def fold(log: EventLog, handler: Callable[..., None], progress: Callable[..., None] | None = None) -> _core.FoldResult:
    return _core.fold(log._log, json.dumps(SPEC), 2, handler=handler, progress=progress)


@pytest.mark.parametrize("value", [object(), [1], {"a": 1}])
def test_a_handler_can_only_set_what_a_column_holds(log: EventLog, value: Any) -> None:
    def handler(row: Row, event: tuple[Any, ...]) -> None:
        row["note"] = value

    with pytest.raises(TypeError, match="a column holds None, bool, int, float, str or bytes"):
        borrow(log, [7], handler)
    assert log.head() == 0


def test_a_handler_may_read_through_the_connection_but_not_append(
    log: EventLog, connection: sqlite3.Connection
) -> None:
    def reads(row: Row, event: tuple[Any, ...]) -> None:
        row["note"] = str(connection.execute("SELECT count(*) FROM eventfold_event").fetchone()[0])

    def appends(row: Row, event: tuple[Any, ...]) -> None:
        borrow(log, [1])

    borrow(log, [7, 8], reads)
    assert rows(connection) == [(7, 1, "2"), (8, 1, "2")]
    for call in (
        lambda: borrow(log, [7], appends),
        lambda: _core.Replay(log._log, json.dumps(SPEC), appends).write(),
        lambda: fold(log, appends),
    ):
        with pytest.raises(ProjectionError):
            call()
    assert log.head() == 2


def test_a_projection_with_handlers_needs_them(log: EventLog) -> None:
    borrow(log, [7])
    with pytest.raises(ProjectionError, match="Loans has handlers"):
        _core.Replay(log._log, json.dumps(SPEC)).scan()


def test_other_threads_run_while_a_log_is_folded(log: EventLog) -> None:
    fill(log, 400_000)
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    before = ticks
    _core.fold(log._log, json.dumps(SPEC | {"handlers": []}), 1)
    done.set()
    thread.join()
    assert ticks - before > 5


def fill(log: EventLog, count: int) -> None:
    borrow(log, list(range(1000)) * (count // 1000))


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_may_stop_a_fold(log: EventLog, threads: int) -> None:
    fill(log, 100_000)

    def progress(done: int, total: int) -> None:
        assert 0 <= done <= total == 100_000
        raise Stop

    with pytest.raises(Stop):
        _core.fold(log._log, json.dumps(SPEC | {"handlers": []}), threads, progress=progress)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("handled", [True, False])
def test_ctrl_c_stops_a_fold(log: EventLog, connection: sqlite3.Connection, threads: int, handled: bool) -> None:
    fill(log, 400_000)
    connection.execute("INSERT INTO loans VALUES (1, 2, 'old')")

    def handler(row: Row, event: tuple[Any, ...]) -> None:
        pass

    spec = json.dumps(SPEC if handled else SPEC | {"handlers": []})
    replay = _core.Replay(log._log, spec, handler, threads=threads)
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        while True:  # it may take less time than the timer
            replay.scan()
    timer.join()
    assert rows(connection) == [(1, 2, "old")]
    assert log.head() == 400_000


def test_a_result_is_looked_up_like_a_dict(log: EventLog) -> None:
    log.append([NewEvent("A", {"k": key}) for key in (1, "b", 2.5)])
    spec = SPEC | {
        "key": [{"column": "k", "field": "k", "kind": "any"}],
        "columns": [],
        "handlers": ["A"],
        "events": {"A": {"k": {"kind": "any", "keys": ["k"]}}},
    }
    result = _core.fold(log._log, json.dumps(spec), 1, handler=lambda row, event: None)
    assert result.to_dict() == {1: (), "b": (), 2.5: ()}
    assert list(result) == result.keys() == [1, "b", 2.5]
    assert dict(result.items()) == result.to_dict()
    assert result.values() == [(), (), ()]
    assert 1 in result and True in result and 1.0 in result and "b" in result and 2.5 in result
    for absent in (2, "1", b"b", None, (1,), [], {}, object(), "\ud800", float("nan"), 2**70):
        assert absent not in result
        assert result.get(absent, "none") == "none"
        with pytest.raises(KeyError):
            result[absent]


def test_a_table_with_several_rows_of_a_key_gets_one(log: EventLog, connection: sqlite3.Connection) -> None:
    borrow(log, [7, 7, 8])
    connection.execute("DROP TABLE loans")
    connection.execute("CREATE TABLE loans (book INTEGER, n INTEGER, note TEXT)")
    connection.execute(
        "INSERT INTO loans VALUES (7, 2, ''), (7, 2, ''), (7, 1, ''), (NULL, 1, ''), (NULL, 2, ''), (8, 1, '')"
    )
    spec = json.dumps(SPEC | {"handlers": []})
    _core.Replay(log._log, spec).write()
    assert rows(connection) == [(7, 2, ""), (8, 1, "")]


def test_rows_that_exchanged_a_unique_value_are_put_right(log: EventLog, connection: sqlite3.Connection) -> None:
    borrow(log, [7, 8, 8, 9, 9, 9])
    connection.execute("CREATE UNIQUE INDEX loans_n ON loans (n)")
    connection.execute("INSERT INTO loans VALUES (7, 2, ''), (8, 1, ''), (9, 0, '')")
    _core.Replay(log._log, json.dumps(SPEC | {"handlers": []})).write()
    assert rows(connection) == [(7, 1, ""), (8, 2, ""), (9, 3, "")]


def test_rows_that_the_table_cannot_hold_leave_it_as_it_was(log: EventLog, connection: sqlite3.Connection) -> None:
    borrow(log, [7, 8])  # both have one
    connection.execute("CREATE UNIQUE INDEX loans_n ON loans (n)")
    connection.execute("INSERT INTO loans VALUES (7, 2, ''), (9, 5, '')")
    with pytest.raises(ProjectionError, match=r"loans\.n"):
        _core.Replay(log._log, json.dumps(SPEC | {"handlers": []})).write()
    assert rows(connection) == [(7, 2, ""), (9, 5, "")]
