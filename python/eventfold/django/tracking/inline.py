"""What follows from a change of a tracked table has happened before the app's statement returns.

Triggers record what a statement does, and may call nothing of ours. So an execute wrapper on each connection does the
rest after every statement that writes, in the statement's transaction (outside of one it begins one, so that all is
kept or nothing): read models fold what is new, receivers of tracked events are called, changes are translated. Where
nothing of that is declared, a statement costs one look.
"""

import re
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache, partial
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate

from eventfold.django import live_tables, metadata_context, save
from eventfold.django import registry as read_models
from eventfold.django.connection import present_log
from eventfold.django.exceptions import as_django_error
from eventfold.django.gate import own_wrappers
from eventfold.django.read_models import as_declared
from eventfold.django.tracking.event_types import tracked_labels
from eventfold.django.tracking.follow import follow, wanted_on
from eventfold.django.tracking.listeners import listened
from eventfold.django.tracking.translate import translates
from eventfold.django.tracking.translated import beginnings, has_begun
from eventfold.django.transactions import ImmediateAtomic
from eventfold.django.write_guard import is_guarded
from eventfold.errors import EventfoldError, LogNotFound, UnsupportedSchema

_first_word = re.compile(  # after white space and comments; nothing follows from temporary tables, as past() has them
    r"(?:[\s(]|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/|--[^\n]*\n)*(?:INSERT(?!\s+INTO\s+temp\.)|UPDATE|DELETE|REPLACE|(WITH))\b",
    re.IGNORECASE,
).match
_written_within = re.compile(
    r"\b(?:(?:INSERT|REPLACE)\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\b", re.IGNORECASE
).search
_FOLLOWED = "_eventfold_followed"  # on a connection: up to which position, while it is being followed
_UNMARKED = "_eventfold_unmarked"  # on a connection: up to which position the log's mark is still to be moved
_migrating: dict[str, Callable[[], Any]] = {}
"""By alias: whether a migrate is under way. One that fails is not heard of again, only what it had is gone then."""


def connect() -> None:
    """Join every connection that is opened from now on, and those that are open."""
    if around_statement not in own_wrappers:
        own_wrappers.append(around_statement)
    save.before_append = before_append
    connection_created.connect(_join, dispatch_uid="eventfold.fold_tracked")
    pre_migrate.connect(_pause, dispatch_uid="eventfold.pause_fold_tracked")
    post_migrate.connect(_resume, dispatch_uid="eventfold.resume_fold_tracked")
    for connection in connections.all(initialized_only=True):
        _join(connection)


@cache
def is_read() -> bool:
    """Whether a read model reads events of tracked models."""
    tracked = tracked_labels()
    declared = filter(None, map(as_declared, read_models.projected_models()))
    return any(each.may_read(tracked) for each in declared if each.lifecycle != "live")


def is_followed() -> bool:
    """Whether anything follows from tracked events; nothing before the apps are ready, which may yet say what."""
    return apps.ready and (translates() or is_read() or bool(listened()))


def forget() -> None:
    """Look again: classes have changed."""
    is_read.cache_clear()


def fold_new(connection: Any) -> None:
    """Do what follows from the events that triggers have recorded, in the transaction that is open.

    Raises what folding, receivers and translations raise; the transaction can only be rolled back then.
    """
    alias = connection.alias
    if _is_migrating(alias):
        return  # a read model's table may not be there yet; the next append folds what it finds
    log = present_log(connection).log
    own = connection.__dict__
    try:
        try:
            if not read_models.is_compiled(alias) and log.unfolded() is None:
                return
            wanted = None if _FOLLOWED in own else wanted_on(connection)
            found = log.fold_and_find(read_models.compiled_for(alias), wanted and wanted.changes)
        except (LogNotFound, UnsupportedSchema):
            return  # an append says so; the app's own tables have nothing to do with it
        if found is None:
            return
        after, until, (rows, looked), marked = found
        if _FOLLOWED in own:
            own[_FOLLOWED] = until  # a receiver or a translation changed a tracked table: its turn comes
        elif wanted is not None:
            own[_FOLLOWED] = until
            if not marked:
                own[_UNMARKED] = until
            try:
                marked |= follow(connection, wanted, rows, after, looked, partial(own.get, _FOLLOWED))
            finally:
                del own[_FOLLOWED]
                own.pop(_UNMARKED, None)
        if not marked:
            log.mark_folded(until)
    except BaseException as error:
        if connection.in_atomic_block:
            connection.needs_rollback = True  # what was written must not be kept without what follows from it
        if isinstance(error, EventfoldError):
            raise as_django_error(error) from error.__cause__
        raise


def before_append(connection: Any) -> AbstractContextManager[None] | None:
    """Follow earlier events, before an append folds them without more ado; return the transaction for both."""
    own = connection.__dict__
    if _FOLLOWED in own:
        if (until := own.pop(_UNMARKED, None)) is not None:  # else the append would look for something to fold
            present_log(connection).log.mark_folded(until)
        return None
    if not (translates() or listened()):
        return None
    if not connection.in_atomic_block and not _began_by_hand(connection):
        return _caught_up(connection)
    fold_new(connection)
    return None


@contextmanager
def _caught_up(connection: Any) -> Iterator[None]:
    with ImmediateAtomic(connection.alias):
        fold_new(connection)
        yield


def around_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """An execute wrapper. What it asks first is quickly answered: mostly there is nothing to do."""
    connection = context["connection"]
    if live_tables.are_declared():
        live_tables.prepare(connection, sql, in_migration=_is_migrating(connection.alias))
    followed = is_followed()
    said = metadata_context.is_said()
    if not (followed or said) or not _writes(sql) or is_guarded(connection):
        if followed and sql.startswith("ROLLBACK"):
            present_log(connection).log.forget_seen()
        return execute(sql, params, many, context)
    if said:
        metadata_context.reach_triggers(connection)
    if not followed:
        return execute(sql, params, many, context)
    if connection.in_atomic_block:
        return _execute_and_follow(connection, execute, sql, params, many, context)
    if _began_by_hand(connection):
        with _savepoint(connection.connection):
            return _execute_and_follow(connection, execute, sql, params, many, context)
    with ImmediateAtomic(connection.alias):
        return around_statement(execute, sql, params, many, context)


def _execute_and_follow(
    connection: Any, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    begin(connection)
    result = execute(sql, params, many, context)
    if not present_log(connection).log.may_have_unseen():
        return result
    cursor = context["cursor"]
    raw = cursor.cursor
    if raw.description is not None:  # RETURNING: as long as rows are to come, no savepoint can be made
        cursor.cursor = raw if isinstance(raw, _Fetched) else _Fetched(raw)
        cursor.cursor.fetch()
        if result is raw:  # as of cursor.execute(...).fetchall()
            result = cursor.cursor
    fold_new(connection)
    return result


@contextmanager
def _savepoint(raw: Any) -> Iterator[None]:
    """Within a transaction that the app began by SQL: nothing is kept of a statement without what follows from it."""
    raw.execute("SAVEPOINT eventfold_statement")
    try:
        yield
    except BaseException:
        if raw.in_transaction:  # SQLite may have given it up as a whole
            raw.execute("ROLLBACK TO eventfold_statement")
            raw.execute("RELEASE eventfold_statement")
        raise
    raw.execute("RELEASE eventfold_statement")


def _writes(sql: str) -> bool:
    if sql.startswith(("UPDATE ", "DELETE ")):
        return True
    found = _first_word(sql)
    return found is not None and (found[1] is None or _written_within(sql) is not None)


def _began_by_hand(connection: Any) -> bool:
    """Whether the app executed BEGIN itself: Django knows of no transaction, and SQLite begins no second one."""
    raw = connection.connection
    return raw is not None and connection.get_autocommit() and not connection.in_atomic_block and raw.in_transaction


def _is_migrating(alias: str) -> bool:
    return alias in _migrating and _migrating[alias]() is not None


def begin(connection: Any) -> None:
    """Let what is new be translated from here on, and not what was recorded before."""
    if not translates() or has_begun(connection.alias) or _is_migrating(connection.alias):
        return
    with suppress(LogNotFound, UnsupportedSchema):
        present_log(connection).log.head()
        beginnings(connection)


class _Fetched:
    """A cursor whose rows were fetched at once, until it executes something else."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._rows: deque[Any] | None = None

    def fetch(self) -> None:
        """Have all rows."""
        self._rows = deque(self._raw.fetchall())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def execute(self, *args: Any) -> Any:
        self._rows = None
        self._raw.execute(*args)
        return self

    def executemany(self, *args: Any) -> Any:
        self._rows = None
        self._raw.executemany(*args)
        return self

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
    if connection.vendor == "sqlite" and around_statement not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, around_statement)


def _pause(using: str = DEFAULT_DB_ALIAS, apps: Any = None, **kwargs: Any) -> None:
    _migrating[using] = weakref.ref(apps) if apps is not None else lambda: True


def _resume(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    _migrating.pop(using, None)
    metadata_context.forget(connections[using])
