"""Rebuilding read models from the log, beside the live ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
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
    if is_projected(model):
        return [_replay_projection(model, connection, threads, progress)]
    labels, projectors = kept_together(model._meta.label)
    if not projectors:
        raise ProjectionError(f"{model._meta.label} has neither a Projection nor a @projector: nothing makes its rows")
    models = [apps.get_model(label) for label in labels]
    head, written = replay_projectors(models, projectors, connection, progress)
    return [Replayed(each, *counts, head) for each, counts in zip(models, written, strict=True)]


def _replay_projection(
    model: Any, connection: BaseDatabaseWrapper, threads: int, progress: Progress | None
) -> Replayed:
    compiled = compile_model(model, connection.alias)
    others = compiled_beside(model, connection.alias)
    handler = compiled.handler and stating_the_event(compiled.handler, model)

    def run(log: _core.Log) -> dict[str, int]:
        replaying = _core.Replay(log, compiled.spec, handler, threads)
        replaying.scan(progress)
        return replaying.write(compiled.hash, others)

    from eventfold.django.following.keepers import after_replay  # which needs to know what can be replayed

    replayed = Replayed(model, **native(connection, f"eventfold: replay {model._meta.label}", run))
    after_replay(model, connection.alias)
    return replayed
