"""While a replay calls projectors, no table of the database may change: only the temporary ones before it."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
_GUARDED = "_eventfold_only_temporary_tables"
_TAKES_NONE = sys.version_info >= (3, 11)


class Refused:
    """The last table that a write was refused to; empty at first."""

    table = ""


@contextmanager
def only_temporary_tables(connection: BaseDatabaseWrapper) -> Iterator[Refused]:
    """Refuse every statement on this connection that writes to a table of the file."""
    refused = Refused()

    def authorize(action: int, first: str | None, second: str | None, schema: str | None, trigger: str | None) -> int:
        if action in WRITES and schema == "main":
            refused.table = first or ""
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    raw: Any = connection.connection
    raw.set_authorizer(authorize)
    connection.__dict__[_GUARDED] = True
    try:
        yield refused
    finally:
        del connection.__dict__[_GUARDED]
        allow_everything(raw)


def is_guarded(connection: Any) -> bool:
    """Whether only temporary tables can be written to now: no event follows from it."""
    return _GUARDED in connection.__dict__


def allow_everything(raw: Any) -> None:
    """Take the authorizer of a raw connection away."""
    raw.set_authorizer(None if _TAKES_NONE and isinstance(raw, sqlite3.Connection) else _allow)


def _allow(*args: Any) -> int:
    return sqlite3.SQLITE_OK
