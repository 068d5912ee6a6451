"""Drift: whether the rows of a read model are still what follows from the log, and mending those that are not.

The rows are made anew beside the live table, as by a replay, and held against it: a replay that says what it would
write.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
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

CHANGED, EXTRA, DOUBLED, MISSING, KEPT = "changed", "extra", "doubled", "missing", "kept"

_KINDS = (CHANGED, EXTRA, DOUBLED, MISSING, KEPT)


@dataclass(frozen=True)
class Difference:
    """A row of the live table, or a missing one, that is not what follows from the log."""

    what: str
    """CHANGED, EXTRA (the log knows no such row), DOUBLED (several rows have its key) or MISSING; or KEPT: a row of the
    copy of what is looked up, with its key and column."""
    key: dict[str, Any]
    """By column."""
    columns: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Of a changed row, by column: what follows from the log, and what the table has, as the database stores them."""
    values: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of a column that counts different values: how many of them are not kept, how many are kept that no event said."""


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
    kinds: dict[str, int] = field(default_factory=dict)
    """How many of each kind there are."""


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
    (until, *_) = reached(models, connection)
    with ProjectorReplay(models, projectors, connection, progress) as replaying:
        replaying.scan(until)
        # Immediate, although nothing is kept: what the projectors write makes SQLite look for new events.
        with ImmediateAtomic(using):
            (until, *_) = reached(models, connection)
            with replaying.caught_up(until):
                found = [_counted(each, until, connection, limit) for each in models]
        if not repair or not any(each.count for each in found):
            return found
        head, written = replaying.write()
    repaired = [Replayed(each, *counts, head) for each, counts in zip(models, written, strict=True)]
    return [replace(each, repaired=done if each.count else None) for each, done in zip(found, repaired, strict=True)]


def _verify_projection(
    model: Any, connection: BaseDatabaseWrapper, threads: int, limit: int, repair: bool, progress: Progress | None
) -> Verified:
    (until,) = reached([model], connection)
    replaying = NativeReplay(model, connection, threads)
    what = f"eventfold: verify {model._meta.label}"
    native(connection, what, replaying.scan, progress, until)
    with DeferredAtomic(connection.alias):  # rows and what is known of them, of one moment
        (until,) = reached([model], connection)
        compared = native(connection, what, replaying.compare, limit, until)
    verified = differences_of(model, compared)
    if not repair or not verified.count:
        return verified
    repaired = native(connection, f"eventfold: repair {model._meta.label}", replaying.write)
    after_replay(model, connection.alias)
    return replace(verified, repaired=repaired)


def preview(
    model: Any,
    using: str,
    *,
    threads: int = 2,
    limit: int = 10,
    batch: int | None = None,
    progress: Progress | None = None,
) -> list[Verified]:
    """Say what replay() would write. Where rows are right as of an earlier position, what came since is among it.

    Nothing is written. At most `limit` rows of each model are described. Raises what replay() raises.
    """
    connection = connections[using]
    require_table(model, connection)
    if is_projected(model):
        native_replay = NativeReplay(model, connection, threads, batch=batch)
        what = f"eventfold: verify {model._meta.label}"
        native(connection, what, native_replay.scan, progress)
        with DeferredAtomic(using):
            head = native(connection, "eventfold: head", _core.Log.head)
            return [differences_of(model, native(connection, what, native_replay.compare, limit, head))]
    labels, projectors = kept_together(model._meta.label)
    if not projectors:
        raise ProjectionError(f"{model._meta.label} has neither a Projection nor a @projector: nothing makes its rows")
    models = [apps.get_model(label) for label in labels]
    with ProjectorReplay(models, projectors, connection, progress, batch) as replaying:
        replaying.scan()
        with ImmediateAtomic(using):
            head = native(connection, "eventfold: head", _core.Log.head)
            with replaying.caught_up(head):
                return [_counted(each, head, connection, limit) for each in models]


def differences_of(model: Any, compared: dict[str, Any]) -> Verified:
    """Return what a native comparison found."""
    count = sum(compared[kind] for kind in _KINDS)
    differences = [Difference(*each) for each in compared["first"]]
    kinds = {kind: compared[kind] for kind in _KINDS}
    return Verified(model, compared["rows"], compared["until"], count, differences, kinds=kinds)


def reached(models: list[Any], connection: BaseDatabaseWrapper) -> list[int]:
    """Return up to which position the rows of each model follow from the events.

    Raises an error for rows that were not made by the present definition from this log.
    """
    alias = connection.alias
    unfolded = native(connection, "eventfold: unfolded", _core.Log.unfolded)
    # what triggers or other programs recorded, the inline read models may not have seen yet
    seen = unfolded[0] if unfolded else native(connection, "eventfold: head", _core.Log.head)
    positions = []
    for model in models:
        label = model._meta.label
        require_table(model, connection)
        state = state_of(model, alias)
        if state.problem:
            raise (WrongLog if state.foreign else ProjectionError)(
                f"A replay of {label} is due, since {state.problem}: run `manage.py events replay {label} "
                f"--database {alias}`"
            )
        positions.append(state.position if state.followed and state.position is not None else seen)
    return positions


def _counted(model: Any, until: int, connection: BaseDatabaseWrapper, limit: int) -> Verified:
    first: list[Difference] = []
    kinds: Counter[str] = Counter()
    for each in shadow.differences(connection, model):
        kinds[each[0]] += 1
        if len(first) < limit:
            first.append(Difference(*each))
    rows = shadow.count_live_rows(connection, model)
    return Verified(model, rows, until, kinds.total(), first, kinds=dict(kinds))
