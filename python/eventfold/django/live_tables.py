"""Read models whose lifecycle is "live": their rows are folded when a statement asks for them, and stored nowhere.

A temporary table of the same name stands before the model's own, which is empty, on each connection. An execute wrapper
(tracking/inline.py) brings it to the head of the log before a statement that mentions it: by a replay at first, then by
what is new. How far it is stands in a temporary table as well, so that a rollback takes both back.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from django.db import OperationalError

from eventfold import _core
from eventfold.django import registry
from eventfold.django.exceptions import LogNotFound
from eventfold.django.following.checkpoints import run
from eventfold.django.gate import native
from eventfold.django.handlers import stating_the_event
from eventfold.django.read_models import lifecycle_of
from eventfold.django.temporary_table import TemporaryTable, drop_what_was_put_away, put_away

_STATE = "eventfold_live"
# As eventfold_distinct and eventfold_lookup in the file.
_DISTINCT = """
    CREATE TEMP TABLE IF NOT EXISTS eventfold_live_distinct (
        name TEXT NOT NULL, key NOT NULL, column_name TEXT NOT NULL, value NOT NULL,
        PRIMARY KEY (name, key, column_name, value)
    ) WITHOUT ROWID"""
_LOOKUP = """
    CREATE TEMP TABLE IF NOT EXISTS eventfold_live_lookup (
        name TEXT NOT NULL, source TEXT NOT NULL, key NOT NULL, value, PRIMARY KEY (name, source, key)
    ) WITHOUT ROWID"""
_MAKING = "_eventfold_makes_live"
_THREADS = 2
_reads = re.compile(  # after white space, parentheses and comments
    r"(?:[\s(]|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/|--[^\n]*\n)*(?:SELECT|WITH|EXPLAIN|INSERT|REPLACE|UPDATE|DELETE|VALUES)\b",
    re.IGNORECASE,
).match
_writes_to = r'\b(?:INTO|UPDATE|FROM)\s+(?:main\.)?["`\[]?{name}\b'


@cache
def are_declared() -> bool:
    """Whether there is any live read model."""
    return any(lifecycle_of(model) == "live" for model in registry.projected_models())


def prepare(connection: Any, sql: str, *, in_migration: bool) -> None:
    """Let the live read models that a statement mentions be as the log has them. Raises what folding raises."""
    if _MAKING in connection.__dict__:
        return
    tables = _tables(connection.alias)
    if tables is None:
        return
    mentions, models = tables
    wanted = {name.lower() for name in mentions.findall(sql)}
    if not wanted:
        return
    with _making(connection):
        for name in sorted(wanted):
            if in_migration or not _reads(sql) or _is_changed_by(sql, name):
                _put_away(connection, models[name])  # it is about the table in the file
            else:
                _bring_up(connection, models[name])


def forget() -> None:
    """Look again: classes have changed."""
    are_declared.cache_clear()
    _tables.cache_clear()
    _live.cache_clear()


registry.also_forgotten.append(forget)


@cache
def _tables(alias: str) -> tuple[re.Pattern[str], dict[str, Any]] | None:
    """What finds their tables in a statement, and the models by table."""
    models = {model._meta.db_table.lower(): model for model in registry.live_models_of(alias)}
    if not models:
        return None
    # the longest name first, where one begins with another
    names = "|".join(map(re.escape, sorted(models, key=len, reverse=True)))
    return re.compile(rf"(?<!\w)(?:{names})(?!\w)", re.IGNORECASE), models


def _is_changed_by(sql: str, name: str) -> bool:
    """Whether a statement writes to the table, as a flush does, or remakes it, as a schema editor does."""
    first = sql.lstrip()[:7].upper()
    if first.startswith(("SELECT", "WITH", "EXPLAIN", "VALUES", "(")):
        return False
    target = re.search(_writes_to.format(name=r"(\w+)"), sql, re.IGNORECASE)
    return target is not None and target[1].lower() in (name, f"new__{name}")


@contextmanager
def _making(connection: Any) -> Iterator[None]:
    connection.__dict__[_MAKING] = True
    try:
        yield
    finally:
        del connection.__dict__[_MAKING]


def _put_away(connection: Any, model: Any) -> None:
    put_away(connection, model._meta.db_table)
    drop_what_was_put_away(connection)


def _bring_up(connection: Any, model: Any) -> None:
    try:
        log_id, epoch, head = run(connection, "SELECT log_id, epoch, head FROM eventfold_head")[0]
    except OperationalError as error:
        if "no such table" not in str(error):
            raise
        raise LogNotFound(
            f"The database {connection.alias!r} has no event log, from which {model._meta.label} is folded: run "
            f"`manage.py migrate --database {connection.alias}`"
        ) from error
    live = _live(connection.alias, model)
    known = _state(connection, model)
    if known is not None and known[:3] == (log_id, epoch, live.compiled.hash) and known[3] <= head:
        if known[3] < head:
            native(connection, f"eventfold: live {live.label}", partial(_fold, connection, live, known[3], head))
    else:
        native(connection, f"eventfold: live {live.label}", partial(_make, connection, live, head))


@dataclass(frozen=True)
class _Live:
    """What makes the rows of one model on one alias."""

    compiled: registry.Compiled
    handler: Any
    read_models: _core.ReadModels

    @property
    def label(self) -> str:
        return str(self.compiled.model._meta.label)


@cache
def _live(alias: str, model: Any) -> _Live:
    compiled = registry.compile_model(model, alias)
    handler = compiled.handler and stating_the_event(compiled.handler, model)
    handlers = {model._meta.label: handler} if handler else {}
    return _Live(compiled, handler, _core.ReadModels([compiled.spec], handlers, for_follower=True))


def _state(connection: Any, model: Any) -> tuple[str, int, str, int] | None:
    """By which log and definition the temporary table was made, and up to where; None if there is none."""
    found = run(
        connection,
        "SELECT name FROM temp.sqlite_master WHERE type = 'table' AND name IN (?, ?)",
        _STATE,
        model._meta.db_table,
    )
    if len(found) < 2:
        return None
    rows = run(
        connection, f"SELECT log_id, epoch, spec_hash, position FROM temp.{_STATE} WHERE name = ?", model._meta.label
    )
    return tuple(rows[0]) if rows else None


def _fold(connection: Any, live: _Live, after: int, until: int, log: _core.Log) -> None:
    with _reading(connection):
        log.fold_range(live.read_models, after, until)
        _note(connection, live, until)


def _make(connection: Any, live: _Live, until: int, log: _core.Log) -> None:
    """Make the temporary table anew, from the first event on."""
    replaying = _core.Replay(log, live.compiled.spec, live.handler, _THREADS, until)
    replaying.scan()  # in no transaction of ours, so that several threads may read
    with _reading(connection):
        _put_away(connection, live.compiled.model)
        run(
            connection,
            f"CREATE TEMP TABLE IF NOT EXISTS {_STATE} "
            "(name TEXT PRIMARY KEY, log_id TEXT, epoch INTEGER, spec_hash TEXT, position INTEGER)",
        )
        for made in (_DISTINCT, _LOOKUP):
            run(connection, made)
        table = TemporaryTable(connection, live.compiled.model)
        table.create()
        replaying.write()
        table.create_indexes()
        _note(connection, live, until)


def _note(connection: Any, live: _Live, position: int) -> None:
    run(
        connection,
        f"INSERT OR REPLACE INTO temp.{_STATE} SELECT ?, log_id, epoch, ?, ? FROM main.eventfold_head",
        live.label,
        live.compiled.hash,
        position,
    )


@contextmanager
def _reading(connection: Any) -> Iterator[None]:
    """A transaction that keeps no writer of the file waiting, or the one that is open."""
    raw = connection.connection
    if raw.in_transaction:
        yield
        return
    raw.execute("BEGIN DEFERRED")
    try:
        yield
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise
    if raw.in_transaction:
        raw.execute("COMMIT")
