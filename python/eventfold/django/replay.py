"""Rebuilding read models from the log, beside the live ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
from eventfold.django.event_views import table_names
from eventfold.django.gate import native
from eventfold.django.handlers import stating_the_event
from eventfold.django.projector_replay import replay_projectors
from eventfold.django.projectors import kept_together, labels_with_projectors
from eventfold.django.read_models import ReadModel
from eventfold.django.registry import compile_model, compiled_beside, models_of
from eventfold.errors import ProjectionError

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Replayed:
    """What a replay did to the live table of a model, and up to which position."""

    model: Any
    inserted: int
    updated: int
    deleted: int
    rows: int
    head: int


def replayable_models(alias: str) -> list[Any]:
    """Return the models that a replay can rebuild in a database: projected ones, and those that projectors keep."""
    kept = [apps.get_model(label) for label in labels_with_projectors()]
    return models_of(alias) + [
        model for model in kept if not is_projected(model) and router.allow_migrate_model(alias, model)
    ]


def is_projected(model: Any) -> bool:
    """Whether a Projection makes the rows."""
    return issubclass(model, ReadModel) and model.projection is not None


def replay(model: Any, using: str, threads: int = 2, progress: Progress | None = None) -> list[Replayed]:
    """Rebuild a read model from the whole log of a database, and bring the live table to it in one transaction.

    Read models that a projector keeps together are rebuilt together: there is one Replayed for each. Readers see the
    old rows until then. `progress(done, total)`, in positions, is called about ten times a second; what it raises ends
    the replay with the live tables as they were. Raises ProjectionError, CorruptLog, WrongLog.
    """
    connection = connections[using]
    native(connection, "eventfold: head", _core.Log.head)  # without a log that is what is missing
    require_table(model, connection)
    if is_projected(model):
        return [_replay_projection(model, connection, threads, progress)]
    labels, projectors = kept_together(model._meta.label)
    if not projectors:
        raise ProjectionError(f"{model._meta.label} has neither a Projection nor a @projector: nothing makes its rows")
    models = [apps.get_model(label) for label in labels]
    head, written = replay_projectors(models, projectors, connection, progress)
    return [Replayed(each, *counts, head) for each, counts in zip(models, written, strict=True)]


def require_table(model: Any, connection: BaseDatabaseWrapper) -> None:
    """Raise ProjectionError for a model without a table: whoever reads a long log should know it before."""
    alias = connection.alias
    if model._meta.db_table not in table_names(connection):
        raise ProjectionError(
            f"{model._meta.label} has no table in the database {alias!r}: run `manage.py migrate --database {alias}`"
        )


def _replay_projection(
    model: Any, connection: BaseDatabaseWrapper, threads: int, progress: Progress | None
) -> Replayed:
    replaying = NativeReplay(model, connection, threads)

    def run(log: _core.Log) -> Replayed:
        replaying.scan(log, progress)
        return replaying.write(log)

    from eventfold.django.following.keepers import after_replay  # which needs to know what can be replayed

    replayed = native(connection, f"eventfold: replay {model._meta.label}", run)
    after_replay(model, connection.alias)
    return replayed


class NativeReplay:
    """The replay of one read model that has a Projection. Each method is called through the gate."""

    def __init__(self, model: Any, connection: BaseDatabaseWrapper, threads: int) -> None:
        self.model = model
        self._alias = connection.alias
        self._threads = threads
        self._compiled = compile_model(model, connection.alias)
        self._replay: _core.Replay | None = None

    def scan(self, log: _core.Log, progress: Progress | None = None, until: int | None = None) -> int:
        """Fold the log, up to its head or a position, while others write. Return up to which position."""
        handler = self._compiled.handler and stating_the_event(self._compiled.handler, self.model)
        self._replay = _core.Replay(log, self._compiled.spec, handler, self._threads)
        return self._replay.scan(progress, until)

    def compare(self, log: _core.Log, limit: int, until: int) -> dict[str, Any]:
        """Hold the live table, as it follows from the events up to a position, against the log; write nothing."""
        assert self._replay is not None
        return self._replay.compare(limit, until)

    def write(self, log: _core.Log) -> Replayed:
        """Bring the live table to what was folded and to what was appended since, in one transaction."""
        assert self._replay is not None
        others = compiled_beside(self.model, self._alias)
        return Replayed(self.model, **self._replay.write(self._compiled.hash, others))
