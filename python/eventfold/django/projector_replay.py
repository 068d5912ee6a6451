"""A replay by projectors: every recorded event again, with temporary tables before those of the read models."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from django.apps import apps
from django.db import transaction
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
    batch: int | None = None,
) -> tuple[int, list[tuple[int, int, int, int]]]:
    """Rebuild the read models that these projectors keep, all in one go.

    Return the head, and for each model rows inserted, updated, deleted and how many there are.
    """
    with ProjectorReplay(models, projectors, connection, progress, batch) as replaying:
        replaying.scan()
        return replaying.write()


class ProjectorReplay:
    """Rebuilds read models in temporary tables, which are there within `with`: scan(), then caught_up() or write()."""

    def __init__(
        self,
        models: list[Any],
        projectors: list[Projector],
        connection: BaseDatabaseWrapper,
        progress: Callable[[int, int], None] | None,
        batch: int | None = None,
    ) -> None:
        self._models = models
        self._projectors = projectors
        self._connection = connection
        self._progress = progress
        self._caller = _Caller(projectors, connection, progress, batch or _BATCH)
        self._tables = ExitStack()
        self._scanned: dict[str, Any] = {}

    def __enter__(self) -> "ProjectorReplay":
        with ExitStack() as tables:
            for model in self._models:
                tables.enter_context(shadow.shadowed(self._connection, model))
            self._tables = tables.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._tables.__exit__(*failure)

    def scan(self, until: int | None = None) -> None:
        """Call the projectors for all events, up to the head or a position, while others write."""
        self._scanned = self._info()
        if until is not None:
            self._scanned["head"] = min(until, self._scanned["head"])
        self._caller.run(0, self._scanned["head"])

    @contextmanager
    def caught_up(self, until: int) -> Iterator[None]:
        """Let the temporary tables be as of a position, to be compared; afterwards they are as they were.

        Within the caller's transaction.
        """
        self._check_log("verify")
        with transaction.atomic(using=self._connection.alias):
            try:
                self._catch_up(until)
                yield
            finally:
                transaction.set_rollback(True, using=self._connection.alias)

    def write(self) -> tuple[int, list[tuple[int, int, int, int]]]:
        """Bring the live tables to the temporary ones and what was appended since, in one transaction.

        Return the head, and for each model rows inserted, updated, deleted and how many there are.
        """
        with ImmediateAtomic(self._connection.alias):
            head = self._check_log("replay")
            self._catch_up(head)
            written = [shadow.bring_live_table_to_shadow(self._connection, model) for model in self._models]
            with self._connection.cursor() as cursor:
                for model in self._models:
                    label = model._meta.label
                    cursor.execute(_WRITE_CHECKPOINT, [label, projectors_hash(label, self._projectors)])
        if self._progress is not None:
            self._progress(head, head)
        return head, written

    def _catch_up(self, until: int) -> None:
        self._caller.run(self._scanned["head"], until)
        for model in self._models:
            if not any(_refers(other, model) for other in self._models):
                shadow.keep_numbers(self._connection, model)

    def _check_log(self, command: str) -> int:
        last = self._info()
        if (last["log_id"], last["epoch"]) != (self._scanned["log_id"], self._scanned["epoch"]):
            raise WrongLog(f"The log was emptied or replaced during the replay: run `manage.py events {command}` again")
        return int(last["head"])

    def _info(self) -> dict[str, Any]:
        return native(self._connection, "eventfold: info", _core.Log.info)


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
        batch: int,
    ) -> None:
        self._batch = batch
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
            read = partial(_core.Log.read, types=labels, after=after, until=until, limit=self._batch)
            batch: list[Any] = native(self._connection, "eventfold: read", read)
            for position, _, label, data, _, _, created, _ in batch:
                yield label, position, created, data
            if len(batch) < self._batch:
                return
            after = batch[-1][0]
