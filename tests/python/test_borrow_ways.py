"""Each way reaches the very connection that the program holds."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from eventfold import DatabaseError, EventLog, ImmutableEvent, LogClosed, LogNotFound, ReadOnlyLog, _borrow, _core

Connect = Callable[..., sqlite3.Connection]
Borrow = Callable[[sqlite3.Connection], EventLog]


@pytest.fixture(params=["memory", "file"])
def raw(request: pytest.FixtureRequest, connect: Connect, tmp_path: Path) -> sqlite3.Connection:
    return connect(":memory:" if request.param == "memory" else tmp_path / "app.db")


def test_the_log_sees_and_is_seen_by_the_connection_within_one_transaction(
    raw: sqlite3.Connection, borrow: Borrow
) -> None:
    log = borrow(raw)
    raw.execute("CREATE TABLE books (id)")
    raw.execute("BEGIN")
    raw.execute("INSERT INTO books VALUES (1)")
    assert log.append("Added", {"book": 1}) == range(1, 2)
    assert raw.execute("SELECT data FROM eventfold_event").fetchall() == [('{"book":1}',)]
    raw.execute("ROLLBACK")
    assert raw.execute("SELECT count(*) FROM books").fetchone() == (0,)
    assert log.head() == 0
    assert list(log.read()) == []


def test_an_append_of_its_own_leaves_no_transaction_open(raw: sqlite3.Connection, borrow: Borrow) -> None:
    log = borrow(raw)
    log.append("Added", {"book": 1})
    assert not raw.in_transaction
    assert [event.data for event in log.read()] == [{"book": 1}]
    assert not raw.in_transaction


def test_a_failed_append_within_a_transaction_leaves_that_open(raw: sqlite3.Connection, borrow: Borrow) -> None:
    log = borrow(raw)
    raw.execute("CREATE TABLE books (id)")
    raw.execute("BEGIN")
    raw.execute("INSERT INTO books VALUES (1)")
    raw.execute("CREATE TEMP TRIGGER veto BEFORE INSERT ON eventfold_event BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(DatabaseError, match="no"):
        log.append("Added", {"book": 1})
    assert raw.in_transaction
    raw.execute("COMMIT")
    assert raw.execute("SELECT count(*) FROM books").fetchone() == (1,)
    assert log.head() == 0


def test_a_connection_borrowed_twice_is_the_same_database(connect: Connect, way: str) -> None:
    first, second = connect(), connect()
    database = _borrow.borrow(first, sqlite3, way)
    assert _borrow.borrow(first, sqlite3, way) is database
    assert _borrow.borrow(first, sqlite3) is database or way != "auto_extension"
    assert _borrow.borrow(second, sqlite3, way) is not database


def test_a_database_that_was_closed_can_be_borrowed_again(connect: Connect, borrow: Borrow) -> None:
    raw = connect()
    log = borrow(raw)
    log.append("Added", {"book": 1})
    log.close()
    with pytest.raises(LogClosed):
        log.head()
    assert raw.execute("SELECT 1").fetchone() == (1,)
    assert borrow(raw).head() == 1


def test_borrowing_leaves_the_connection_as_it_was(connect: Connect, borrow: Borrow) -> None:
    raw = connect()
    raw.row_factory = sqlite3.Row
    raw.text_factory = bytes
    before = raw.total_changes
    log = borrow(raw)
    log.append("Added", {"title": "Emma"}, stream="book-1")
    assert next(log.read(stream="book-1")).data == {"title": "Emma"}
    assert raw.row_factory is sqlite3.Row
    assert raw.text_factory is bytes
    assert raw.total_changes > before
    with pytest.raises(sqlite3.OperationalError):  # extension loading is off again, in SQL as well
        raw.execute("SELECT load_extension('none')")


def test_no_table_of_ours_but_the_log_shows_in_the_database(connect: Connect, way: str) -> None:
    raw = connect()
    _borrow.borrow(raw, sqlite3, way)
    assert raw.execute("SELECT * FROM sqlite_master").fetchall() == []


def test_statements_left_open_by_the_program_do_not_disturb(raw: sqlite3.Connection, borrow: Borrow) -> None:
    log = borrow(raw)
    log.append("Added", {"book": 1})
    log.append("Added", {"book": 2})
    cursor = raw.execute("SELECT position FROM eventfold_event")
    cursor.fetchone()
    log.append("Added", {"book": 3})
    assert len(list(log.read())) == 3


def test_no_statement_of_ours_stays_open(raw: sqlite3.Connection, borrow: Borrow) -> None:
    log = borrow(raw)
    for book in range(20):
        log.append("Added", {"book": book})
    events = log.read(batch_size=3)
    next(events)
    raw.execute("CREATE TABLE t (a)")
    raw.execute("DROP TABLE t")  # "database table is locked" if one did
    assert len(list(events)) == 19


def test_errors_of_sqlite_become_errors_of_eventfold(connect: Connect, way: str, tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    raw = connect(path)
    log = EventLog.on(_borrow.borrow(raw, sqlite3, way))
    with pytest.raises(LogNotFound, match="migrate"):
        log.append("Added", {"book": 1})
    _core.Log(_borrow.borrow(raw, sqlite3, way)).install()
    log.append("Added", {"book": 1})
    raw.execute("PRAGMA query_only = 1")
    with pytest.raises(ReadOnlyLog):
        log.append("Added", {"book": 2})
    raw.execute("PRAGMA query_only = 0")
    with pytest.raises(sqlite3.IntegrityError, match="eventfold: "):
        raw.execute("DELETE FROM eventfold_event")
    assert issubclass(ImmutableEvent, Exception)
    raw.close()
    with pytest.raises(LogClosed):
        log.append("Added", {"book": 2})


def test_a_locked_database_and_a_stale_snapshot_are_told_apart(
    connect: Connect, borrow: Borrow, way: str, tmp_path: Path
) -> None:
    from eventfold import ConcurrencyError, LogLocked

    first, second = (connect(tmp_path / "app.db", timeout=0) for _ in range(2))
    first.execute("PRAGMA journal_mode = WAL")
    log, other = borrow(first), borrow(second)
    second.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogLocked):
        log.append("Added", {"book": 1})
    second.execute("ROLLBACK")
    first.execute("BEGIN")
    assert log.head() == 0
    other.append("Added", {"book": 1})
    native = way != "dbapi" or hasattr(sqlite3.Error(), "sqlite_errorcode") or _has_codes()
    with pytest.raises(ConcurrencyError if native else LogLocked):
        log.append("Added", {"book": 2})
    first.execute("ROLLBACK")
    assert log.append("Added", {"book": 2}) == range(2, 3)


def _has_codes() -> bool:
    try:
        sqlite3.connect(":memory:").execute("nonsense")
    except sqlite3.Error as error:
        return hasattr(error, "sqlite_errorcode")
    return False


def test_the_handle_of_a_native_way_is_the_connections_own(connect: Connect, native_way: str) -> None:
    raw = connect()
    raw.execute("CREATE TEMP TABLE only_here (a)")
    log = EventLog.on(_borrow.borrow(raw, sqlite3, native_way))
    _core.Log(_borrow.borrow(raw, sqlite3, native_way)).install()
    raw.execute("CREATE TEMP TRIGGER seen AFTER INSERT ON eventfold_event BEGIN INSERT INTO only_here VALUES (1); END")
    log.append("Added", {"book": 1})
    assert raw.execute("SELECT count(*) FROM only_here").fetchone() == (1,)


def test_a_connection_that_keeps_an_implicit_transaction_is_served(way: str) -> None:
    _borrow.bind(sqlite3, way)
    raw = sqlite3.connect(":memory:")  # Python's own default: a transaction begins with the first write
    try:
        log = EventLog.on(_borrow.borrow(raw, sqlite3, way))
        _core.Log(_borrow.borrow(raw, sqlite3, way)).install()
        raw.execute("CREATE TABLE books (id)")
        raw.execute("INSERT INTO books VALUES (1)")
        assert raw.in_transaction
        log.append("Added", {"book": 1})
        raw.rollback()
        assert log.head() == 0
    finally:
        raw.close()


def test_a_wrong_thread_is_refused_by_the_connection_itself(connect: Connect, way: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    raw = connect()
    with ThreadPoolExecutor(1) as pool, pytest.raises(sqlite3.ProgrammingError, match="thread"):
        pool.submit(_borrow.borrow, raw, sqlite3, way).result()


def test_it_says_how_a_connection_is_reached(connect: Connect, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTFOLD_SQLITE_WAY", way)
    found = _borrow.why(connect(), sqlite3)
    assert found.way == way
    assert found.version == sqlite3.sqlite_version
    assert found.library
    assert found.reason == ("it is forced" if way == "dbapi" else "")


def test_a_way_that_is_not_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTFOLD_SQLITE_WAY", "magic")
    with pytest.raises(ValueError, match="load_extension, auto_extension, dbapi, not 'magic'"):
        _borrow.bind(sqlite3)


def test_a_forced_way_that_is_impossible_says_why(run: Callable[..., str]) -> None:
    script = """
import sqlite3
raw = sqlite3.connect(":memory:")
from eventfold import DatabaseError, _borrow
try:
    _borrow.borrow(raw, sqlite3, "auto_extension")
except DatabaseError as error:
    print(error)
"""
    assert "this connection was opened before" in run(script)


def test_a_forged_token_borrows_nothing(connect: Connect, native_way: str) -> None:
    raw = connect()
    _borrow.borrow(raw, sqlite3, native_way)
    for token in (0, 1, -1):
        with pytest.raises(sqlite3.OperationalError, match="only be called by eventfold"):
            raw.execute("SELECT eventfold_borrow(?)", (token,))


def test_values_that_the_connection_converts_are_read_as_they_are_stored(way: str) -> None:
    sqlite3.register_converter("eventfold_test_text", lambda value: value[::-1].decode())
    _borrow.bind(sqlite3, way)
    raw = sqlite3.connect(":memory:", isolation_level=None, detect_types=sqlite3.PARSE_DECLTYPES)
    try:
        log = EventLog.on(_borrow.borrow(raw, sqlite3, way))
        _core.Log(_borrow.borrow(raw, sqlite3, way)).install()
        log.append("Added", {"book": 1}, stream="book-1", metadata={"user": "ann"})
        event = next(log.read())
        assert (event.stream, event.data, event.metadata) == ("book-1", {"book": 1}, {"user": "ann"})
    finally:
        raw.close()
