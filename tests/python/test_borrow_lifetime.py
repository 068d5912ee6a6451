"""What is borrowed ends with the connection, and leaves nothing behind."""

import gc
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from eventfold import EventLog, LogClosed, _borrow, _core

Connect = Callable[..., sqlite3.Connection]
Borrow = Callable[[sqlite3.Connection], EventLog]

linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")


def open_files(folder: Path) -> list[str]:
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = descriptor.readlink()
        except OSError:
            continue
        if target.is_relative_to(folder):
            names.append(target.name)
    return sorted(names)


@linux
def test_closing_the_connection_leaves_no_file_descriptor_and_no_wal(
    connect: Connect, borrow: Borrow, tmp_path: Path
) -> None:
    for round_ in range(3):
        raw = connect(tmp_path / "app.db")
        raw.execute("PRAGMA journal_mode = WAL")
        log = borrow(raw)
        log.append("Added", {"book": round_}, stream="book")
        assert len(list(log.read())) == round_ + 1
        assert open_files(tmp_path) == ["app.db", "app.db-shm", "app.db-wal"]
        raw.close()
        assert open_files(tmp_path) == []
        assert [file.name for file in tmp_path.iterdir()] == ["app.db"]
        with pytest.raises(LogClosed):
            log.append("Added", {"book": 1})


@linux
def test_a_connection_that_is_forgotten_is_closed_too(way: str, borrow: Borrow, tmp_path: Path) -> None:
    _borrow.bind(sqlite3, way)
    raw = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    log = borrow(raw)
    log.append("Added", {"book": 1})
    del raw, log
    gc.collect()
    assert open_files(tmp_path) == []


def test_the_database_may_outlive_the_connection_and_the_other_way_round(connect: Connect, borrow: Borrow) -> None:
    raw = connect()
    log = borrow(raw)
    events = log.read()
    del log
    gc.collect()
    raw.execute("SELECT 1")
    assert borrow(raw).append("Added", {"book": 1}) == range(1, 2)
    raw.close()
    assert list(events) == []


def test_a_new_connection_at_the_same_address_is_not_the_old_one(connect: Connect, way: str) -> None:
    for _ in range(50):
        raw = connect()
        database = _borrow.borrow(raw, sqlite3, way)
        assert not database.closed
        _core.Log(database).install()
        assert EventLog.on(database).head() == 0
        EventLog.on(database).append("Added", {"book": 1})
        raw.close()


def test_what_a_session_does_to_the_schema_does_not_end_the_loan(
    connect: Connect, borrow: Borrow, tmp_path: Path
) -> None:
    raw = connect(tmp_path / "app.db")
    log = borrow(raw)
    log.append("Added", {"book": 1})
    raw.execute("CREATE TABLE t (a)")
    raw.execute("BEGIN")
    raw.execute("DROP TABLE t")
    raw.execute("ROLLBACK")
    raw.execute("ALTER TABLE t ADD COLUMN b")
    raw.execute("VACUUM")
    raw.execute("PRAGMA wal_checkpoint")
    raw.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    raw.execute("DETACH other")
    assert log.append("Added", {"book": 2}) == range(2, 3)


FORK = """
import os, sqlite3, sys
from eventfold import EventLog, LogClosed, _borrow, _core
path, way = sys.argv[1:]
_borrow.bind(sqlite3, way)
raw = sqlite3.connect(path, isolation_level=None)
log = EventLog.on(_borrow.borrow(raw, sqlite3, way))
_core.Log(_borrow.borrow(raw, sqlite3, way)).install()
log.append("Added", {"book": 1})
if os.fork() == 0:
    try:
        log.append("Added", {"book": 2})
        print(log.head(), len(list(log.read())))
    except LogClosed as error:
        print(error)
    sys.stdout.flush()
    os._exit(0)
os.wait()
log.append("Added", {"book": 3})
print(log.head())
"""


def test_after_a_fork_a_connection_to_a_file_is_refused_in_the_child(
    way: str, tmp_path: Path, run: Callable[..., str]
) -> None:
    lines = run(FORK, str(tmp_path / "app.db"), way).splitlines()
    assert "opened before this process was forked" in lines[0]
    assert lines[1:] == ["2"]


def test_after_a_fork_an_in_memory_database_goes_on_in_the_child(way: str, run: Callable[..., str]) -> None:
    assert run(FORK, ":memory:", way).splitlines() == ["2 2", "2"]


def test_after_a_fork_a_log_of_our_own_is_refused_in_the_child(tmp_path: Path, run: Callable[..., str]) -> None:
    script = """
import os, sys
from eventfold import EventLog, LogClosed
log = EventLog(sys.argv[1])
if os.fork() == 0:
    try:
        log.head()
    except LogClosed:
        print("refused", EventLog(sys.argv[1]).append("Added", {"book": 1}), flush=True)
    log.close()
    os._exit(0)
os.wait()
print(log.append("Added", {"book": 2}))
"""
    lines = run(script, str(tmp_path / "events.db")).splitlines()
    assert lines == ["refused range(1, 2)", "range(2, 3)"]
