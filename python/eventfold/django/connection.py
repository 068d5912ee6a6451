"""The native log of a Django connection, borrowed when it is first needed."""

from contextlib import suppress
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import NotSupportedError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from eventfold import _borrow, _core

_ATTRIBUTE = "_eventfold"


class BorrowedLog(NamedTuple):
    """A log, and the raw connection that it belongs to: after close() and a new connect() it is another one."""

    raw: Any
    database: _core.Database
    log: _core.Log
    checked: set[Any]
    """Plans of the classes whose view was looked at on this connection."""


def bind_libraries() -> None:
    """Make each SQLite backend's library ours before its connections are opened."""
    for database in connections.settings.values():
        with suppress(ImproperlyConfigured):  # whoever uses this database is told
            backend: Any = load_backend(database["ENGINE"])
            if backend.DatabaseWrapper.vendor == "sqlite":
                _borrow.bind(backend.DatabaseWrapper.Database)


def borrowed_log(connection: Any) -> BorrowedLog:
    """Return the log of an open Django connection. Part of the gate: only that calls it."""
    if connection.vendor != "sqlite":
        raise NotSupportedError(
            f"eventfold keeps its log in SQLite; the database {connection.alias!r} is {connection.display_name}"
        )
    raw = connection.connection
    database = _borrow.borrow(raw, connection.Database)
    borrowed = BorrowedLog(raw, database, _core.Log(database), set())
    connection.__dict__[_ATTRIBUTE] = borrowed
    return borrowed


def database_of(connection: BaseDatabaseWrapper) -> _core.Database:
    """Return the native database of a Django connection, for `events status` and replays."""
    connection.ensure_connection()
    return present_log(connection).database


def present_log(connection: BaseDatabaseWrapper) -> BorrowedLog:
    """Return the log of an open Django connection, borrowed if it was not yet."""
    borrowed: BorrowedLog | None = connection.__dict__.get(_ATTRIBUTE)
    if borrowed is None or borrowed.raw is not connection.connection:
        borrowed = borrowed_log(connection)
    return borrowed
