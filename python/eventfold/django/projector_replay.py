"""A replay by projectors: every recorded event again, with temporary tables before those of the read models."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
from eventfold.django import shadow
from eventfold.django.event_reader import EventReader
from eventfold.django.gate import native
from eventfold.django.projectors import Projector
from eventfold.django.registry import known_fields
from eventfold.django.transactions import ImmediateAtomic
from eventfold.django.type_fields import TypeFields
from eventfold.django.write_guard import only_temporary_tables
from eventfold.errors import EventfoldError, ProjectionError, WrongLog

_BATCH = 1000
_PAUSE = 0.1  # seconds between two calls of progress
_WRITE_CHECKPOINT = """
    INSERT INTO eventfold_read_model (name, spec_hash, log_id, epoch, position, due)
    SELECT %s, %s, log_id, epoch, head, 0 FROM eventfold_head WHERE true
    ON CONFLICT (name) DO UPDATE SET spec_hash = excluded.spec_hash, log_id = excluded.log_id,
        epoch = excluded.epoch, position = excluded.position, due = 0"""


def replay_projectors(
    models: list[Any],
    projectors: list[Projector],
    connection: BaseDatabaseWrapper,
    progress: Callable[[int, int], None] | None,
) -> tuple[int, list[tuple[int, int, int, int]]]:
    """Rebuild the read models that these projectors keep, all in one go.

    Return the head, and for each model rows inserted, updated, deleted and how many there are.
    """
    caller = _Caller(projectors, connection, progress)
    info: dict[str, Any] = native(connection, "eventfold: info", _core.Log.info)
    with ExitStack() as tables:
        for model in models:
            tables.enter_context(shadow.shadowed(connection, model))
        caller.run(0, info["head"])
        with ImmediateAtomic(connection.alias):
            last: dict[str, Any] = native(connection, "eventfold: info", _core.Log.info)
            if (last["log_id"], last["epoch"]) != (info["log_id"], info["epoch"]):
                raise WrongLog("The log was emptied or replaced during the replay: run `manage.py events replay` again")
            caller.run(info["head"], last["head"])
            for model in models:
                if not any(_refers(other, model) for other in models):
                    shadow.keep_numbers(connection, model)
            written = [shadow.bring_live_table_to_shadow(connection, model) for model in models]
            with connection.cursor() as cursor:
                for model in models:
                    label = model._meta.label
                    cursor.execute(_WRITE_CHECKPOINT, [label, projectors_hash(label, projectors)])
    if progress is not None:
        progress(last["head"], last["head"])
    return last["head"], written


def projectors_hash(label: str, projectors: list[Projector]) -> str:
    """Say by which functions a read model is kept; what they do cannot be told."""
    return "; ".join(
        f"{each.function.__module__}.{each.function.__qualname__}({', '.join(each.events)})"
        for each in projectors
        if label in each.reads
    )


def _refers(model: Any, to: Any) -> bool:
    return any(field.is_relation and field.related_model is to for field in model._meta.concrete_fields)


class _Caller:
    """Calls the projectors for the events of a range."""

    def __init__(
        self,
        projectors: list[Projector],
        connection: BaseDatabaseWrapper,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        known = known_fields(connection.alias)
        self._connection = connection
        self._progress = progress
        self._projectors: dict[str, list[Projector]] = {}
        for each in projectors:
            for label in each.events:
                if label in known:  # else the log has no event of this type
                    self._projectors.setdefault(label, []).append(each)
        self._readers = {
            label: EventReader(apps.get_model(label), known.get(label, TypeFields()), connection.alias)
            for label in self._projectors
        }

    def run(self, after: int, until: int) -> None:
        next_progress = time.monotonic() + _PAUSE
        with only_temporary_tables(self._connection) as refused:
            for label, position, created, data in self._events(after, until):
                where = f"the event {label} at position {position}"
                event = self._readers[label](position, created, data)
                for each in self._projectors[label]:
                    name = f"{each.function.__module__}.{each.function.__qualname__}"
                    failure: Exception | None = None
                    try:
                        each.call_again(event, self._connection.alias)
                    except Exception as error:
                        failure = error
                    if refused.table:
                        raise ProjectionError(
                            f"{name}, {where}: it wrote to the table {refused.table}. On a replay it may write to the "
                            "read models that it keeps, and to nothing else: name the model in reads=, or write to it "
                            "in a receiver of its own."
                        ) from failure
                    if isinstance(failure, EventfoldError):
                        raise failure
                    if failure is not None:
                        raise ProjectionError(f"{name}, {where}: {type(failure).__name__}: {failure}") from failure
                if self._progress is not None and time.monotonic() >= next_progress:
                    self._progress(position, until)
                    next_progress = time.monotonic() + _PAUSE

    def _events(self, after: int, until: int) -> Iterator[tuple[str, int, int, str]]:
        labels = sorted(self._projectors)
        while labels and after < until:
            read = partial(_core.Log.read, types=labels, after=after, until=until, limit=_BATCH)
            batch: list[Any] = native(self._connection, "eventfold: read", read)
            for position, _, label, data, _, _, created, _ in batch:
                yield label, position, created, data
            if len(batch) < _BATCH:
                return
            after = batch[-1][0]
