"""Read models of tracked tables are right before the app's statement returns.

Triggers record what a statement does, and may call nothing of ours. So where a read model reads tracked events, an
execute wrapper on each connection folds what is new after every statement that writes, in the statement's transaction:
outside of one it begins one, so that both are kept or neither.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate

from eventfold import _core
from eventfold.django import registry as read_models
from eventfold.django.connection import present_log
from eventfold.django.gate import native, own_wrappers
from eventfold.django.tracking.event_types import tracked_labels
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import EventfoldError, LogNotFound, UnsupportedSchema

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "WITH")
_migrating: set[str] = set()


def connect() -> None:
    """Join every connection that is opened from now on, and those that are open."""
    if after_statement not in own_wrappers:
        own_wrappers.append(after_statement)
    connection_created.connect(_join, dispatch_uid="eventfold.fold_tracked")
    pre_migrate.connect(_pause, dispatch_uid="eventfold.pause_fold_tracked")
    post_migrate.connect(_resume, dispatch_uid="eventfold.resume_fold_tracked")
    for connection in connections.all(initialized_only=True):
        _join(connection)


@cache
def is_read() -> bool:
    """Whether a read model reads events of tracked models."""
    tracked = tracked_labels()
    return any(tracked & model.projection.labels() for model in read_models.projected_models())


def forget() -> None:
    """Look again: classes have changed."""
    is_read.cache_clear()


def fold_new(connection: Any) -> None:
    """Fold what triggers have recorded, in the transaction that is open."""
    if connection.alias in _migrating:
        return  # a read model's table may not be there yet; the next append folds what it finds
    try:
        if present_log(connection).log.unfolded() is None:
            return
    except (LogNotFound, UnsupportedSchema):
        return  # an append says so; the app's own tables have nothing to do with it
    try:
        native(connection, "eventfold: fold", _core.Log.fold_pending, read_models.compiled_for(connection.alias))
    except EventfoldError:
        if connection.in_atomic_block:
            connection.needs_rollback = True  # what was written must not be kept without its read model
        raise


def after_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """An execute wrapper."""
    if not is_read() or not sql[:40].lstrip(" \n\t(").upper().startswith(_WRITES):
        return execute(sql, params, many, context)
    connection = context["connection"]
    if connection.in_atomic_block or not connection.get_autocommit():
        return _execute_and_fold(execute, sql, params, many, context)
    with ImmediateAtomic(connection.alias):
        return _execute_and_fold(execute, sql, params, many, context)


def _execute_and_fold(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    result = execute(sql, params, many, context)
    cursor = context["cursor"]
    if cursor.cursor.description is not None:  # RETURNING: as long as rows are to come, no savepoint can be made
        cursor.cursor = _Fetched(cursor.cursor)
    fold_new(context["connection"])
    return result


class _Fetched:
    """A cursor whose rows were fetched at once, until it executes something else."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._rows: deque[Any] | None = deque(raw.fetchall())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def execute(self, *args: Any) -> Any:
        self._rows = None
        return self._raw.execute(*args)

    def executemany(self, *args: Any) -> Any:
        self._rows = None
        return self._raw.executemany(*args)

    def fetchone(self) -> Any:
        if self._rows is None:
            return self._raw.fetchone()
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> Any:
        if self._rows is None:
            return self._raw.fetchmany(*([] if size is None else [size]))
        count = min(len(self._rows), self._raw.arraysize if size is None else size)
        return [self._rows.popleft() for _ in range(count)]

    def fetchall(self) -> Any:
        return self._raw.fetchall() if self._rows is None else self.fetchmany(len(self._rows))

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row


def _join(connection: Any, **kwargs: Any) -> None:
    # first in the list: whoever puts one on for a while takes the last one off
    if connection.vendor == "sqlite" and after_statement not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, after_statement)


def _pause(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    _migrating.add(using)


def _resume(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    _migrating.discard(using)
