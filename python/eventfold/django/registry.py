"""The read models of a database alias, compiled for the native core."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connections, router

from eventfold import _core
from eventfold.django import wildcards
from eventfold.django.declared import declared_models
from eventfold.django.handlers import Handler, handler_for
from eventfold.django.lookup import labels_looked_at
from eventfold.django.read_models import ReadModel, as_declared, lifecycle_of
from eventfold.django.specification import as_text, hash_of, specification
from eventfold.django.type_fields import TypeFields
from eventfold.errors import WrongLog

# A read model whose rows were made from another log than this one.
_OTHER_LOG = """
    SELECT name FROM eventfold_read_model AS made, eventfold_head AS log
    WHERE made.log_id IS NOT log.log_id OR made.epoch IS NOT log.epoch OR made.position > log.head"""


@dataclass(frozen=True)
class Compiled:
    """One read model on one alias. `hash` tells whether its rows were made by the same definition."""

    model: Any
    spec: str
    hash: str
    handler: Handler | None


@cache
def projected_models() -> tuple[Any, ...]:
    """Return all read models that have a Projection."""
    return tuple(
        model
        for model in declared_models()
        if issubclass(model, ReadModel) and as_declared(model) is not None and not model._meta.proxy
    )


def followed_labels(alias: str) -> set[str]:
    """Return the read models of a database that a follower keeps: appends leave them out."""
    if not _rows(alias, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'eventfold_follower'"):
        return set()  # a log of earlier days, until the next migrate
    return {name for (name,) in _rows(alias, "SELECT name FROM eventfold_follower")}


@cache
def handled_labels() -> frozenset[str]:
    """Return the labels of all event types that some inline read model has an @on method for."""
    return frozenset(
        label
        for model in projected_models()
        if lifecycle_of(model) == "inline"
        for label in model.projection.handled_labels()
    )


def has_python_handlers(event: Any) -> bool:
    """Whether an append of this event class calls Python."""
    return event._meta.label in handled_labels()


def models_of(alias: str) -> list[Any]:
    """Return the read models whose rows are kept in a database."""
    return [model for model in _on(alias) if lifecycle_of(model) != "live"]


def live_models_of(alias: str) -> list[Any]:
    """Return the read models whose rows are folded when they are asked for."""
    return [model for model in _on(alias) if lifecycle_of(model) == "live"]


def _on(alias: str) -> list[Any]:
    return [model for model in projected_models() if router.allow_migrate_model(alias, model)]


def known_fields(alias: str) -> dict[str, TypeFields]:
    """Return what the log of a database knows of fields, by event label; nothing where there is no log."""
    return {name: TypeFields.load(fields) for name, fields in _rows(alias, "SELECT name, fields FROM eventfold_type")}


def _rows(alias: str, sql: str) -> list[Any]:
    """Ask the log past Django's cursors: an append that compiles first must still count as one query."""
    connection = connections[alias]
    connection.ensure_connection()
    raw = connection.connection
    has_log = raw.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'eventfold_type'").fetchone()
    return [] if has_log is None else raw.execute(sql).fetchall()


def compile_model(model: Any, alias: str, known: dict[str, TypeFields] | None = None) -> Compiled:
    """Compile one read model for a database. It is kept as long as nothing that it was made of has changed."""
    connection = connections[alias]
    known = known_fields(alias) if known is None else known
    declaration = model.projection
    labels = declaration.labels() | labels_looked_at(declaration)
    of_its_events = {label: known[label] for label in labels if label in known}
    if (made := _made.get((model, alias))) and made[0] is declaration and made[1] == of_its_events:
        return made[2]
    spec = specification(model, connection, known)
    handler = handler_for(model, alias, known) if spec["handlers"] else None
    compiled = Compiled(model, as_text(spec), hash_of(spec), handler)
    _made[model, alias] = declaration, of_its_events, compiled
    return compiled


_made: dict[tuple[Any, str], tuple[Any, dict[str, TypeFields], Compiled]] = {}
_compiled: dict[str, _core.ReadModels | None] = {}
also_forgotten: list[Callable[[], None]] = []
"""Called by forget(): what others have compiled."""


def compiled_for(alias: str) -> _core.ReadModels | None:
    """Return the read models that each append to a database keeps right; None if there are none.

    Those that a follower keeps are among them, and the core leaves them out: that may change at any time. Raises
    WrongLog for one whose rows were made from another log: these events would not fit them.
    """
    if alias not in _compiled:
        models = models_of(alias)
        _refuse_rows_of_another_log(models, alias)
        # Two threads may come here at once; they make the same.
        _compiled[alias] = _compile(models, alias)
    return _compiled[alias]


def is_compiled(alias: str) -> bool:
    """Whether compiled_for() has its answer ready."""
    return alias in _compiled


def compiled_beside(replayed: list[Any], alias: str) -> _core.ReadModels | None:
    """Return the read models that must see new events when others are replayed; None if there are none.

    Left out are the replayed ones themselves, whose rows may be such that nothing can be added to them, and those that
    wait for a replay of their own: rows of another log, or no table yet.
    """
    foreign = _rows_of_another_log(alias)
    tables = {name for (name,) in _rows(alias, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    others = [
        model
        for model in models_of(alias)
        if model not in replayed and model._meta.label not in foreign and model._meta.db_table in tables
    ]
    return _compile(others, alias)


def _compile(models: list[Any], alias: str) -> _core.ReadModels | None:
    if not models:
        return None
    known = known_fields(alias)
    compiled = [compile_model(model, alias, known) for model in models]
    handlers = {each.model._meta.label: each.handler for each in compiled if each.handler}
    return _core.ReadModels([each.spec for each in compiled], handlers)


def _rows_of_another_log(alias: str) -> set[str]:
    return {name for (name,) in _rows(alias, _OTHER_LOG)}


def _refuse_rows_of_another_log(models: list[Any], alias: str) -> None:
    foreign = (_rows_of_another_log(alias) & {model._meta.label for model in models}) - followed_labels(alias)
    if foreign:
        labels = " ".join(sorted(foreign))
        raise WrongLog(
            f"The rows of {labels} were made from another log than the one in the database {alias!r}: "
            f"run `manage.py events replay {labels} --database {alias}`"
        )


def forget() -> None:
    """Compile anew when next needed: classes, migrations or fields have changed."""
    projected_models.cache_clear()
    handled_labels.cache_clear()
    _compiled.clear()
    _made.clear()
    wildcards.forget()
    for forget_too in also_forgotten:
        forget_too()
