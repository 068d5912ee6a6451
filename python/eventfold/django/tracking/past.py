"""`past()`: for the length of a block, the tracked tables are as they were at a moment.

SQLite finds temporary tables first. So on the block's connection a temporary table of the same name stands before each
tracked one, and query sets, joins and raw SQL read it without knowing. It is made when a statement first mentions it.
Nothing can be written meanwhile: it would go into that table, or be made from what is read there.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, router

from eventfold.django.event_views import has_log, table_names
from eventfold.django.temporary_table import drop_what_was_put_away, put_away
from eventfold.django.tracking import registry
from eventfold.django.tracking.moments import Moment, NotRecorded, PastError, position_at
from eventfold.django.tracking.past_table import PastTable
from eventfold.django.write_guard import WRITES, allow_everything

_ATTRIBUTE = "_eventfold_past"


@contextmanager
def past(when: Moment, using: str = DEFAULT_DB_ALIAS) -> Iterator[int]:
    """Let every tracked table be as it was at a moment, for whatever reads the database within the block.

        with past(last_week):
            Book.objects.filter(borrowed_by__city="Bath").count()

    Yields the position of the log that it stands for. Related rows are of the same moment where their model is tracked;
    other tables are as they are. Excluded and masked fields are null: they are not known. A query raises NotRecorded if
    the log does not have all of a table at that moment, PastError if it would write. Evaluate query sets within the
    block; save nothing that comes from it.
    """
    connection: Any = connections[using]
    if not has_log(connection):
        raise NotRecorded(f"The database {using!r} has no event log: run `manage.py migrate --database {using}`")
    if connection.__dict__.get(_ATTRIBUTE) is not None:
        raise PastError("past() within past() of the same database: leave the one moment before you go to another")
    view = _View(connection, position_at(connection, when))
    connection.__dict__[_ATTRIBUTE] = view
    try:
        with connection.execute_wrapper(view):
            view.guard()
            yield view.position
    finally:
        connection.__dict__[_ATTRIBUTE] = None
        view.close()


class _View:
    """One block of past(): an execute wrapper that makes tables when they are needed, and an authorizer."""

    def __init__(self, connection: Any, position: int) -> None:
        self.position = position
        self._connection = connection
        self._raw: Any = None
        self._making = False
        self._refused: str | None = None
        present = table_names(connection)
        self._models = {
            model._meta.db_table.lower(): model
            for model in registry.tracked_models()
            if router.allow_migrate_model(connection.alias, model) and model._meta.db_table in present
        }
        # the longest name first, where one begins with another
        names = "|".join(map(re.escape, sorted(self._models, key=len, reverse=True)))
        self._mentions = re.compile(rf"(?<!\w)(?:{names})(?!\w)", re.IGNORECASE) if names else None

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if self._making:
            return execute(sql, params, many, context)
        self._make_what_is_missing(sql)
        self._refused = None
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            if self._refused is not None:
                raise PastError(self._refused) from error
            raise

    def guard(self) -> None:
        """Let nothing be written, and no tracked table be read as it is now."""
        self._connection.ensure_connection()
        self._raw = self._connection.connection
        self._raw.set_authorizer(self._authorize)

    def close(self) -> None:
        """Take the temporary tables away."""
        raw = self._connection.connection
        if raw is None or raw is not self._raw:
            return  # closed, and they with it
        allow_everything(raw)
        for table in self._made():
            put_away(self._connection, table)
        drop_what_was_put_away(self._connection)

    def _make_what_is_missing(self, sql: str) -> None:
        wanted = {name.lower() for name in self._mentions.findall(sql)} if self._mentions else set()
        if not wanted:
            return
        if self._connection.connection is not self._raw:
            self.guard()  # another connection since
        missing = wanted - {name.lower() for name in self._made()}
        if not missing:
            return
        self._making = True
        allow_everything(self._raw)
        try:
            for name in sorted(missing):
                PastTable(self._connection, self._models[name]).make(self.position)
        finally:
            self._making = False
            self.guard()

    def _made(self) -> list[str]:
        """Asked anew each time: a rollback takes tables away that were made within it."""
        found = self._raw.execute("SELECT name FROM temp.sqlite_master WHERE type = 'table'").fetchall()
        return [name for (name,) in found if name.lower() in self._models]

    def _authorize(self, action: int, first: str | None, second: str | None, schema: str | None, by: str | None) -> int:
        table = (first or "").lower()
        tracked = table in self._models
        if action in WRITES and (schema == "main" or (schema == "temp" and tracked)):
            self._refused = (
                f"{first} cannot be written within past(): it can only be read. Leave the block first, and save no row "
                "that was read in it: revert() brings one back"
            )
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_READ and schema == "main" and tracked:
            self._refused = (
                f"{by or 'The statement'} reads {first} as it is now, not as it was: within past(), read the table "
                "itself by its plain name"
            )
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK
