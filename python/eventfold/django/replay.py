"""Rebuilding a read model from the log, beside the live one, and knowing when that is due."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
from eventfold.django import shadow
from eventfold.django.gate import native
from eventfold.django.handlers import EventReader
from eventfold.django.projectors import Projector, labels_with_projectors, projectors_of
from eventfold.django.read_models import ReadModel
from eventfold.django.registry import compile_model, known_fields, models_of
from eventfold.django.transactions import ImmediateAtomic
from eventfold.django.type_fields import TypeFields
from eventfold.errors import EventfoldError, ProjectionError

Progress = Callable[[int, int], None]

_BATCH = 1000
_WRITE_CHECKPOINT = """
    INSERT INTO eventfold_read_model (name, spec_hash, log_id, epoch, position, due)
    SELECT %s, %s, log_id, epoch, head, 0 FROM eventfold_header WHERE id = 1
    ON CONFLICT (name) DO UPDATE SET spec_hash = excluded.spec_hash, log_id = excluded.log_id,
        epoch = excluded.epoch, position = excluded.position, due = 0"""


@dataclass(frozen=True)
class Replayed:
    """What a replay did to the live table, and up to which position."""

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


def replay(model: Any, using: str, threads: int = 2, progress: Progress | None = None) -> Replayed:
    """Rebuild a read model from the whole log of a database, and bring the live table to it in one transaction.

    Readers see the old rows until then. `progress(done, total)`, in positions, is called about ten times a second;
    what it raises ends the replay with the live table as it was. Raises ProjectionError, CorruptLog, WrongLog.
    """
    connection = connections[using]
    if is_projected(model):
        return _replay_projection(model, connection, threads, progress)
    projectors = projectors_of(model)
    if not projectors:
        raise ProjectionError(f"{model._meta.label} has neither a Projection nor a @projector: nothing makes its rows")
    return _replay_projectors(model, projectors, connection, progress)


def _replay_projection(
    model: Any, connection: BaseDatabaseWrapper, threads: int, progress: Progress | None
) -> Replayed:
    compiled = compile_model(model, connection.alias)

    def run(log: _core.Log) -> dict[str, int]:
        replaying = _core.Replay(log, compiled.spec, compiled.handler, threads)
        replaying.scan(progress)
        return replaying.write(compiled.hash)

    return Replayed(**native(connection, f"eventfold: replay {model._meta.label}", run))


def _replay_projectors(
    model: Any, projectors: list[Projector], connection: BaseDatabaseWrapper, progress: Progress | None
) -> Replayed:
    labels = sorted({label for each in projectors for label in each.events})
    known = known_fields(connection.alias)
    readers = {
        label: EventReader(apps.get_model(label), known.get(label, TypeFields()), connection.alias) for label in labels
    }

    def run(after: int, until: int) -> None:
        for label, event in _events(connection, [label for label in labels if label in known], readers, after, until):
            try:
                for each in projectors:
                    if label in each.events:
                        each.call(event, connection.alias)
            except EventfoldError:
                raise
            except Exception as error:
                raise ProjectionError(
                    f"{model._meta.label}, the event {label} at position {event.position}: a projector failed: {error}"
                ) from error
            if progress is not None and event.position % _BATCH == 0:
                progress(event.position, until)

    head: int = native(connection, "eventfold: head", _core.Log.head)
    with shadow.shadowed(connection, model):
        run(0, head)
        with ImmediateAtomic(connection.alias):
            last: int = native(connection, "eventfold: head", _core.Log.head)
            run(head, last)
            inserted, updated, deleted, rows = shadow.bring_live_table_to_shadow(connection, model)
            with connection.cursor() as cursor:
                cursor.execute(_WRITE_CHECKPOINT, [model._meta.label, projectors_hash(projectors)])
    if progress is not None:
        progress(last, last)
    return Replayed(inserted, updated, deleted, rows, last)


def _events(
    connection: BaseDatabaseWrapper, labels: list[str], readers: dict[str, EventReader], after: int, until: int
) -> Iterator[tuple[str, Any]]:
    while labels and after < until:
        read = partial(_core.Log.read, types=labels, after=after, until=until, limit=_BATCH)
        batch: list[Any] = native(connection, "eventfold: read", read)
        for position, _, label, data, _, _, created, _ in batch:
            yield label, readers[label](position, created, data)
        if len(batch) < _BATCH:
            return
        after = batch[-1][0]


def projectors_hash(projectors: list[Projector]) -> str:
    """Say by which receivers a read model is kept; what they do cannot be told."""
    return "; ".join(
        f"{each.receiver.__module__}.{each.receiver.__qualname__}({', '.join(each.events)})" for each in projectors
    )
