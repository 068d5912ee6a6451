"""Rebuilding read models from the log, beside the live ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
from eventfold.django.declared import declared_model
from eventfold.django.derived_rows import make_due
from eventfold.django.event_views import table_names
from eventfold.django.gate import native
from eventfold.django.handlers import stating_the_event
from eventfold.django.projector_replay import replay_projectors
from eventfold.django.projectors import kept_together, labels_with_projectors
from eventfold.django.read_models import ReadModel
from eventfold.django.registry import compile_model, compiled_beside, followed_labels, known_fields, models_of
from eventfold.django.saved_replays import Saving, definition_of
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import EventfoldError, ProjectionError

Progress = Callable[[int, int], None]
_MOST_TOGETHER = 32  # the rows of all of them are in memory at once
_MUCH = 10_000  # events that are folded in one transaction, some 10 ms for each read model


@dataclass(frozen=True)
class Replayed:
    """What a replay did to the live table of a model, and up to which position."""

    model: Any
    inserted: int
    updated: int
    deleted: int
    rows: int
    head: int
    seconds: float = 0.0
    """For how long other writers had to wait."""
    resumed_at: int = 0
    """Up to which position an earlier replay, which did not come to its end, had folded the log."""


@dataclass(frozen=True)
class Failure:
    """A read model that could not be rebuilt: its table is as it was."""

    model: Any
    error: EventfoldError


def replayable_models(alias: str) -> list[Any]:
    """Return the models that a replay can rebuild in a database: projected ones, and those that projectors keep."""
    kept = [apps.get_model(label) for label in labels_with_projectors()]
    return models_of(alias) + [
        model for model in kept if not is_projected(model) and router.allow_migrate_model(alias, model)
    ]


def is_projected(model: Any) -> bool:
    """Whether a Projection makes the rows."""
    return issubclass(model, ReadModel) and model.projection is not None


def replay(
    model: Any,
    using: str,
    threads: int = 2,
    progress: Progress | None = None,
    batch: int | None = None,
    saving: Saving = Saving(),  # noqa: B008, it is frozen
) -> list[Replayed]:
    """Rebuild a read model from the whole log of a database, and bring the live table to it in one transaction.

    `batch` is how many events (for a projector) or positions are read at a time. What is folded is saved as `saving`
    says, and a replay goes on from what one before it has saved.
    Read models that a projector keeps together are rebuilt together: there is one Replayed for each. Readers see the
    old rows until then. `progress(done, total)`, in positions, is called about ten times a second; what it raises ends
    the replay with the live tables as they were. Raises ProjectionError, CorruptLog, WrongLog.
    """
    connection = connections[using]
    native(connection, "eventfold: head", _core.Log.head)  # without a log that is what is missing
    require_table(model, connection)
    if is_projected(model):
        return [_replay_projection(model, connection, threads, progress, batch, saving)]
    labels, projectors = kept_together(model._meta.label)
    if not projectors:
        raise ProjectionError(f"{model._meta.label} has neither a Projection nor a @projector: nothing makes its rows")
    models = [apps.get_model(label) for label in labels]
    head, resumed_at, written = replay_projectors(models, projectors, connection, progress, batch, saving)
    return [Replayed(each, *counts, head, resumed_at=resumed_at) for each, counts in zip(models, written, strict=True)]


def in_one_reading(models: list[Any]) -> list[list[Any]]:
    """Part read models into groups, each of which replay_together() rebuilds in one reading of the log.

    Those that run Python for each event are apart: reading is the least of their work. So are those that projectors
    keep, together with what the same projectors keep.
    """
    groups: list[list[Any]] = []
    natives: list[Any] = []
    placed: set[Any] = set()
    for model in models:
        if model in placed:
            continue
        if not is_projected(model):
            group = [apps.get_model(label) for label in kept_together(model._meta.label)[0]]
            placed.update(group)
            groups.append(group)
        elif model.projection.handlers:
            groups.append([model])
        elif natives and len(natives) < _MOST_TOGETHER:
            natives.append(model)  # to the group that is there
        else:
            groups.append(natives := [model])
    return groups


def replay_together(
    models: list[Any],
    using: str,
    threads: int = 2,
    progress: Progress | None = None,
    batch: int | None = None,
    saving: Saving = Saving(),  # noqa: B008
) -> Iterator[Replayed | Failure]:
    """Rebuild a group of in_one_reading(): the log is read once, then each table gets what differs.

    That is a transaction for each, which takes in what was appended until then. An error of eventfold is the failure of
    one read model, and the others go on; what `progress` raises ends it, with the tables as they were.
    """
    if len(models) == 1 or not all(map(is_projected, models)):
        try:
            yield from replay(models[0], using, threads, progress, batch, saving)
        except EventfoldError as error:
            yield Failure(models[0], error)
        return
    connection = connections[using]
    known = known_fields(using)
    ready: list[NativeReplay] = []
    for model in models:
        try:
            require_table(model, connection)
        except ProjectionError as error:
            yield Failure(model, error)
        else:
            ready.append(NativeReplay(model, connection, threads, known, batch, saving))
    native(connection, "eventfold: replay", _scan_together, ready, progress)
    fold_much_that_is_new([each.model for each in ready], connection)
    while ready:
        replaying = ready.pop(0)  # its rows are not kept longer than they are needed
        try:
            yield _written(replaying, connection)
        except EventfoldError as error:
            yield Failure(replaying.model, error)


def _scan_together(log: _core.Log, replays: "list[NativeReplay]", progress: Progress | None) -> None:
    _core.scan_together(log, [each.begin(log) for each in replays], progress)


def require_table(model: Any, connection: BaseDatabaseWrapper) -> None:
    """Raise ProjectionError for a model without a table: whoever reads a long log should know it before."""
    alias = connection.alias
    if model._meta.db_table not in table_names(connection):
        raise ProjectionError(
            f"{model._meta.label} has no table in the database {alias!r}: run `manage.py migrate --database {alias}`"
        )


def _replay_projection(
    model: Any,
    connection: BaseDatabaseWrapper,
    threads: int,
    progress: Progress | None,
    batch: int | None,
    saving: Saving,
) -> Replayed:
    replaying = NativeReplay(model, connection, threads, batch=batch, saving=saving)
    native(connection, f"eventfold: replay {model._meta.label}", replaying.scan, progress)
    fold_much_that_is_new([model], connection)
    return _written(replaying, connection)


def fold_much_that_is_new(models: list[Any], connection: BaseDatabaseWrapper) -> None:
    """Let the other inline read models see what programs without Django appended, where that is much, in pieces.

    A write does this in its own transaction, since no event may be folded twice: a million of them would keep others
    waiting. `models`, which are about to be written, are left out, and marked as due until they are: nothing is lost if
    that never comes.
    """
    from eventfold.django.tracking.follow import wanted_on  # which needs the registry of read models

    unfolded = native(connection, "eventfold: unfolded", _core.Log.unfolded)
    if unfolded is None or unfolded[1] - unfolded[0] <= _MUCH or connection.in_atomic_block:
        return
    if wanted_on(connection) is not None:
        return  # receivers and translations of tracked tables hear of them too, all in one transaction
    with ImmediateAtomic(connection.alias):
        followed = followed_labels(connection.alias)  # which have checkpoints of their own
        for model in models:
            if model._meta.label not in followed:
                make_due(model, connection.alias)
    others = compiled_beside(models, connection.alias)
    fold = partial(_core.Log.fold_pending, read_models=others, limit=_MUCH)
    while native(connection, "eventfold: fold", fold) is not None:
        pass


def _written(replaying: "NativeReplay", connection: BaseDatabaseWrapper) -> Replayed:
    from eventfold.django.following.keepers import after_replay  # which needs to know what can be replayed

    replayed = native(connection, f"eventfold: replay {replaying.model._meta.label}", replaying.write)
    after_replay(replaying.model, connection.alias)
    return replayed


class NativeReplay:
    """The replay of one read model that has a Projection. Each method is called through the gate."""

    def __init__(
        self,
        model: Any,
        connection: BaseDatabaseWrapper,
        threads: int,
        known: dict[str, Any] | None = None,
        batch: int | None = None,
        saving: Saving | None = None,
    ) -> None:
        self.model = model
        self._saving = saving
        self._resumed_at = 0
        self._alias = connection.alias
        self._threads = threads
        self._batch = batch
        self._compiled = compile_model(model, connection.alias, known)
        self._replay: _core.Replay | None = None

    def begin(self, log: _core.Log) -> _core.Replay:
        """Return the native replay, which has yet to scan."""
        handler = self._compiled.handler and stating_the_event(self._compiled.handler, self.model)
        self._replay = _core.Replay(log, self._compiled.spec, handler, self._threads)
        if self._batch is not None:
            self._replay.read_at_a_time(self._batch)
        if self._saving is not None:
            self._resumed_at = self._save_on_the_way(self._replay, self._saving)
        return self._replay

    def _save_on_the_way(self, replay: _core.Replay, saving: Saving) -> int:
        if saving.anew:
            replay.begin_anew()
        projection = self.model.projection
        code = [handler.method for handler in projection.handlers]
        if code:  # it gets rows and events
            code += [self.model, *map(declared_model, projection.handled_labels())]
        definition = definition_of(self._compiled.spec, code)
        if definition is None:
            return 0
        position = replay.save_each(saving.seconds, definition)
        if position:
            saving.resumes(self.model, position)
        return position

    def scan(self, log: _core.Log, progress: Progress | None = None, until: int | None = None) -> int:
        """Fold the log, up to its head or a position, while others write. Return up to which position."""
        return self.begin(log).scan(progress, until)

    def compare(self, log: _core.Log, limit: int, until: int) -> dict[str, Any]:
        """Hold the live table, as it follows from the events up to a position, against the log; write nothing."""
        assert self._replay is not None
        return self._replay.compare(limit, until)

    def write(self, log: _core.Log) -> Replayed:
        """Bring the live table to what was folded and to what was appended since, in one transaction."""
        assert self._replay is not None
        others = compiled_beside([self.model], self._alias)
        written = self._replay.write(self._compiled.hash, others)
        return Replayed(self.model, **written, resumed_at=self._resumed_at)
