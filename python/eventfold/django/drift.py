"""Drift: whether the rows of a read model are still what follows from the log, and mending those that are not.

The rows are made anew beside the live table, as by a replay, and held against it: a replay that says what it would
write.
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
from eventfold.django import shadow
from eventfold.django.following.keepers import after_replay
from eventfold.django.gate import native
from eventfold.django.projector_replay import ProjectorReplay
from eventfold.django.projectors import kept_together
from eventfold.django.read_model_state import state_of
from eventfold.django.replay import NativeReplay, Progress, Replayed, is_projected, require_table
from eventfold.django.transactions import DeferredAtomic, ImmediateAtomic
from eventfold.errors import ProjectionError, WrongLog

CHANGED, EXTRA, DOUBLED, MISSING = "changed", "extra", "doubled", "missing"


@dataclass(frozen=True)
class Difference:
    """A row of the live table, or a missing one, that is not what follows from the log."""

    what: str
    """CHANGED, EXTRA (the log knows no such row), DOUBLED (several rows have its key) or MISSING."""
    key: dict[str, Any]
    """By column."""
    columns: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Of a changed row, by column: what follows from the log, and what the table has, as the database stores them."""


@dataclass(frozen=True)
class Verified:
    """What was found in the table of one read model."""

    model: Any
    rows: int
    until: int
    """The rows were held against what follows from the events up to this position."""
    count: int
    """How many rows differ."""
    differences: list[Difference]
    """The first of them."""
    repaired: Replayed | None = None


def verify(
    model: Any,
    using: str,
    *,
    threads: int = 2,
    limit: int = 10,
    repair: bool = False,
    progress: Progress | None = None,
) -> list[Verified]:
    """Hold the rows of a read model against the log of a database; with `repair`, mend those that differ.

    Read models that a projector keeps together are verified together: there is one Verified for each. Others may write
    meanwhile. At most `limit` differences of each model are described. Raises ProjectionError and WrongLog where a
    replay is due, for a model that nothing keeps and one without a table; CorruptLog, and what a replay raises.
    """
    connection = connections[using]
    if is_projected(model):
        return [_verify_projection(model, connection, threads, limit, repair, progress)]
    labels, projectors = kept_together(model._meta.label)
    if not projectors:
        raise ProjectionError(f"{model._meta.label} has neither a Projection nor a @projector: nothing makes its rows")
    models = [apps.get_model(label) for label in labels]
    (until, *_) = _reached(models, connection)
    with ProjectorReplay(models, projectors, connection, progress) as replaying:
        replaying.scan(until)
        # Immediate, although nothing is kept: what the projectors write makes SQLite look for new events.
        with ImmediateAtomic(using):
            (until, *_) = _reached(models, connection)
            with replaying.caught_up(until):
                found = [_counted(each, until, connection, limit) for each in models]
        if not repair or not any(each.count for each in found):
            return found
        head, written = replaying.write()
    repaired = [Replayed(each, *counts, head) for each, counts in zip(models, written, strict=True)]
    return [
        Verified(each.model, each.rows, each.until, each.count, each.differences, done if each.count else None)
        for each, done in zip(found, repaired, strict=True)
    ]


def _verify_projection(
    model: Any, connection: BaseDatabaseWrapper, threads: int, limit: int, repair: bool, progress: Progress | None
) -> Verified:
    (until,) = _reached([model], connection)
    replaying = NativeReplay(model, connection, threads)
    what = f"eventfold: verify {model._meta.label}"
    native(connection, what, replaying.scan, progress, until)
    with DeferredAtomic(connection.alias):  # rows and what is known of them, of one moment
        (until,) = _reached([model], connection)
        compared = native(connection, what, replaying.compare, limit, until)
    count = sum(compared[kind] for kind in (CHANGED, EXTRA, DOUBLED, MISSING))
    repaired = None
    if repair and count:
        repaired = native(connection, f"eventfold: repair {model._meta.label}", replaying.write)
        after_replay(model, connection.alias)
    differences = [Difference(*each) for each in compared["first"]]
    return Verified(model, compared["rows"], compared["until"], count, differences, repaired)


def _reached(models: list[Any], connection: BaseDatabaseWrapper) -> list[int]:
    """Return up to which position the rows of each model follow from the events.

    Raises an error for rows that were not made by the present definition from this log.
    """
    alias = connection.alias
    unfolded = native(connection, "eventfold: unfolded", _core.Log.unfolded)
    # what triggers or other programs recorded, the inline read models may not have seen yet
    seen = unfolded[0] if unfolded else native(connection, "eventfold: head", _core.Log.head)
    reached = []
    for model in models:
        label = model._meta.label
        require_table(model, connection)
        state = state_of(model, alias)
        if state.problem:
            raise (WrongLog if state.foreign else ProjectionError)(
                f"A replay of {label} is due, since {state.problem}: run `manage.py events replay {label} "
                f"--database {alias}`"
            )
        reached.append(state.position if state.followed and state.position is not None else seen)
    return reached


def _counted(model: Any, until: int, connection: BaseDatabaseWrapper, limit: int) -> Verified:
    differences = shadow.differences(connection, model)
    first = [Difference(*each) for each in islice(differences, limit)]
    rows = shadow.count_live_rows(connection, model)
    return Verified(model, rows, until, len(first) + sum(1 for _ in differences), first)
