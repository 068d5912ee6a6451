"""Several threads, the GIL and SQLite's locks: nothing waits for ever."""

from collections.abc import Callable
from pathlib import Path

# Each script ends in time or is a deadlock: `run` gives it a minute.
PREPARE = """
import sqlite3, sys, threading, time
from eventfold import EventLog, _borrow, _core

path, way = sys.argv[1:]
_borrow.bind(sqlite3, way)

def connect():
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)

def borrow(raw):
    database = _borrow.borrow(raw, sqlite3, way)
    _core.Log(database).install()
    return EventLog.on(database)

def together(*functions):
    errors = []
    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(repr(error))
    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
"""


# Not by cursors: there Python's own sqlite3 deadlocks, since it binds parameters with the GIL held.
def test_one_thread_is_in_sql_that_calls_python_while_another_appends_on_the_same_connection(
    native_way: str, run: Callable[..., str]
) -> None:
    script = """
raw = connect()
log = borrow(raw)
raw.create_function("pause", 1, lambda value: time.sleep(0.0005) or value)
raw.execute("CREATE TABLE numbers (i)")
raw.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(1, 201)])

def read():
    for _ in range(5):
        assert raw.execute("SELECT sum(pause(i)) FROM numbers").fetchall() == [(20100,)]

def append():
    for book in range(200):
        log.append("Added", {"book": book})

together(read, append)
print(log.head())
"""
    assert run(PREPARE + script, ":memory:", native_way) == "200"


def test_threads_that_share_an_in_memory_connection_take_turns(native_way: str, run: Callable[..., str]) -> None:
    script = """
raw = connect()
log = borrow(raw)

def append():
    for book in range(300):
        log.append("Added", {"book": book}, stream="book")
        assert len(list(log.read(limit=3))) <= 3

together(*[append] * 4)
print(log.head(), log.stream_head("book"))
"""
    assert run(PREPARE + script, ":memory:", native_way) == "1200 1200"


def test_each_thread_with_a_connection_of_its_own_appends_to_one_file(
    way: str, tmp_path: Path, run: Callable[..., str]
) -> None:
    script = """
raw = connect()
raw.execute("PRAGMA journal_mode = WAL")
borrow(raw)

def append():
    own = connect()
    log = borrow(own)
    for book in range(100):
        log.append("Added", {"book": book}, stream="book")
    own.close()

together(*[append] * 4)
log = borrow(raw)
print(log.head(), log.stream_head("book"), [event.version for event in log.read()] == list(range(1, 401)))
"""
    assert run(PREPARE + script, str(tmp_path / "app.db"), way) == "400 400 True"


def test_a_connection_closed_by_another_thread_in_the_midst_of_it_crashes_nothing(
    native_way: str, tmp_path: Path, run: Callable[..., str]
) -> None:
    script = """
from eventfold import LogClosed
for _ in range(30):
    raw = connect()
    log = borrow(raw)
    begun = threading.Event()

    def append():
        try:
            while True:
                log.append("Added", {"book": 1})
                begun.set()
        except LogClosed:
            pass

    def close():
        begun.wait()
        raw.close()

    together(append, close)
print("alive")
"""
    assert run(PREPARE + script, str(tmp_path / "app.db"), native_way) == "alive"


def test_the_gil_is_free_while_sqlite_works(native_way: str, tmp_path: Path, run: Callable[..., str]) -> None:
    script = """
first, second = connect(), connect()
first.execute("PRAGMA journal_mode = WAL")
log, other = borrow(first), borrow(second)
first.execute("BEGIN IMMEDIATE")

def wait_for_the_lock():
    other.append("Added", {"book": 1})

def release_it():
    time.sleep(0.2)
    first.execute("COMMIT")

together(wait_for_the_lock, release_it)
print(log.head())
"""
    assert run(PREPARE + script, str(tmp_path / "app.db"), native_way) == "1"
