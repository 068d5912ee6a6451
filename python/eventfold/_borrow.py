"""How eventfold reaches the SQLite, and the connections, that Python uses.

A second SQLite library on the same file would drop the first one's locks. So the native core links none; it borrows
the one of the module whose connections are used, in one of three ways:

`load_extension`
    the connection loads the core as an extension (and is closed to extensions again at once);
`auto_extension`
    the library loads the core into each connection that it opens from now on, which also serves Pythons that are built
    without extension loading;
`dbapi`
    neither is possible: the core sends its SQL through the connection's cursors. Slower, and otherwise the same.

`EVENTFOLD_SQLITE_WAY` in the environment forces one of them.
"""

import os
import sys
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from eventfold import _core
from eventfold.errors import DatabaseError

WAYS = ("load_extension", "auto_extension", "dbapi")

# By module: None where its library loads the core into each new connection, else the reason why it does not.
_auto_extension: dict[str, str | None] = {}
# By the id of the raw connection, which its Database keeps alive.
_dbapi: WeakValueDictionary[int, _core.Database] = WeakValueDictionary()


class Borrowing(NamedTuple):
    """How a connection is reached, by which SQLite, and why not in a better way (empty: it is the best)."""

    way: str
    library: str
    version: str
    reason: str


def why(raw_connection: Any, module: ModuleType) -> Borrowing:
    """Say how an open connection of `module` is reached."""
    database = borrow(raw_connection, module)
    return Borrowing(database.way, database.library, database.version, database.reason)


def bind(module: ModuleType, way: str | None = None) -> str | None:
    """Make the SQLite of `module` the one that the core uses; return its version, or None if it is out of reach.

    To be called before the connections that are to be borrowed are opened: the way `auto_extension` reaches later
    ones only.
    """
    way = _forced(way)
    if way in (None, "load_extension") and _can_load(module):
        with suppress(module.Error), closing(module.connect(":memory:")) as connection:
            _load_extension(connection)
            if _has_core(connection):
                return _core.sqlite_library()
    if way in (None, "auto_extension") and _load_automatically(module) is None:
        return _core.sqlite_library()
    return None


def borrow(raw_connection: Any, module: ModuleType, way: str | None = None) -> _core.Database:
    """Return the Database of an open connection of `module`: the same one each time, while it is held.

    `way`, or EVENTFOLD_SQLITE_WAY, forces a way; DatabaseError says why it is impossible.
    """
    way = _forced(way)
    reasons = []
    if way != "dbapi":
        database = _take(raw_connection)
        if database is not None and way in (None, database.way):
            return database
    if way in (None, "load_extension"):
        reason = "this Python's sqlite3 was built without it"
        if _can_load(module):
            try:
                _load_extension(raw_connection)
                reason = _other_library()
            except module.Error as error:
                reason = str(error)
            if database := _take(raw_connection, "load_extension"):
                return database
        reasons.append(f"load_extension: {reason}")
    if way in (None, "auto_extension"):
        # Only for the connections to come: this one was looked at above.
        reason = _load_automatically(module) or "this connection was opened before eventfold was ready"
        reasons.append(f"auto_extension: {reason}")
    if way in (None, "dbapi"):
        return _by_dbapi(raw_connection, module, "; ".join(reasons) or "it is forced")
    raise DatabaseError(f"SQLite cannot be reached in the way that is forced. {'; '.join(reasons)}")


def open_database(path: str | os.PathLike[str], read_only: bool, busy_timeout: float) -> tuple[_core.Database, Any]:
    """Open a database file of our own; also return the raw connection beneath it, None where the core opened it."""
    import sqlite3

    if _forced(None) != "dbapi" and (_core.sqlite_library() or bind(sqlite3)):
        return _core.open_database(os.fspath(path), read_only, int(busy_timeout * 1000)), None
    uri = Path(path).resolve().as_uri() + ("?mode=ro" if read_only else "?mode=rwc")
    name = ":memory:" if os.fspath(path) == ":memory:" else uri
    try:
        raw_connection = sqlite3.connect(
            name, timeout=busy_timeout, isolation_level=None, check_same_thread=False, uri=True
        )
        if not read_only and raw_connection.execute("PRAGMA page_count").fetchone() == (0,):
            raw_connection.execute("PRAGMA journal_mode = WAL")
        if raw_connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            raw_connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        raise DatabaseError(f"{os.fspath(path)}: {error}") from error
    return _by_dbapi(raw_connection, sqlite3, "the SQLite of this Python cannot be borrowed"), raw_connection


def _forced(way: str | None) -> str | None:
    way = way or os.environ.get("EVENTFOLD_SQLITE_WAY") or None
    if way is not None and way not in WAYS:
        raise ValueError(f"EVENTFOLD_SQLITE_WAY must be one of {', '.join(WAYS)}, not {way!r}")
    return way


def _can_load(module: ModuleType) -> bool:
    return hasattr(module.Connection, "enable_load_extension")


def _load_extension(raw_connection: Any) -> None:
    try:
        raw_connection.load_extension(_core.__file__)
        return  # the app has switched loading on, and so it stays
    except raw_connection.OperationalError:
        pass
    raw_connection.enable_load_extension(True)
    try:
        raw_connection.load_extension(_core.__file__)
    finally:
        raw_connection.enable_load_extension(False)


def _load_automatically(module: ModuleType) -> str | None:
    """Have the library of `module` load the core into each new connection; return why it cannot, or None."""
    if module.__name__ not in _auto_extension:
        _auto_extension[module.__name__] = _try_to_load_automatically(module)
    return _auto_extension[module.__name__]


def _try_to_load_automatically(module: ModuleType) -> str | None:
    package = module.__name__.partition(".")[0]
    native = sys.modules.get(f"{package}._sqlite3") or sys.modules.get(f"_{package}")
    if native is None:
        return f"the native part of {package} is not known"
    # Without a file it is part of the program.
    file = getattr(native, "__file__", None)
    if reason := _core.register_auto_extension(file):
        return reason
    # Another copy of SQLite may have been found than the one that the module calls.
    with closing(module.connect(":memory:")) as connection:
        if _has_core(connection):
            return None
    _core.cancel_auto_extension(file)
    return _other_library()


def _other_library() -> str:
    version, file = _core.sqlite_library(), _core.sqlite_library_file()
    if version is None:
        return "its SQLite did not load the core, or is older than 3.38"
    return f"the process uses another SQLite already, {version} of {file}"


def _has_core(raw_connection: Any) -> bool:
    try:
        raw_connection.execute("EXPLAIN SELECT eventfold_borrow(0)").close()
    except raw_connection.OperationalError:
        return False
    return True


def _take(raw_connection: Any, way: str = "") -> _core.Database | None:
    token = _core.expect_borrow()
    try:
        cursor = raw_connection.cursor()
        cursor.execute("SELECT eventfold_borrow(?)", (token,))
        cursor.fetchall()
        cursor.close()
    except raw_connection.ProgrammingError:  # closed, or of another thread
        raise
    except raw_connection.DatabaseError:  # no such function, or not authorized
        return None
    return _core.take_borrowed(way)


def _by_dbapi(raw_connection: Any, module: ModuleType, reason: str) -> _core.Database:
    database = _dbapi.get(id(raw_connection))
    if database is None or database.closed:
        database = _core.dbapi_database(raw_connection, module.__name__, module.sqlite_version, reason)
        _dbapi[id(raw_connection)] = database
    return database
