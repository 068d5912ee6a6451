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
from eventfold.django.saved_replays import Saving, definition_of
from eventfold.django.saved_shadows import SavedShadows
from eventfold.django.transactions import ImmediateAtomic
from eventfold.django.type_fields import TypeFields
from eventfold.django.write_guard import only_temporary_tables
from eventfold.errors import EventfoldError, ProjectionError, WrongLog

_BATCH = 1000
_PAUSE = 0.1  # seconds between two calls of progress
_ROUNDS = 5  # each is shorter than the one before, unless appends are faster than projectors
_FEW = 20  # events that may as well be taken in with the lock held
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
    saving: Saving | None = None,
) -> tuple[int, int, list[tuple[int, int, int, int]]]:
    """Rebuild the read models that these projectors keep, all in one go.

    Return the head, from where an earlier replay was gone on with, and for each model rows inserted, updated, deleted
    and how many there are.
    """
    with ProjectorReplay(models, projectors, connection, progress, batch, saving) as replaying:
        resumed_at = replaying.scan()
        head, written = replaying.write()
        return head, resumed_at, written


class ProjectorReplay:
    """Rebuilds read models in temporary tables, which are there within `with`: scan(), then caught_up() or write()."""

    def __init__(
        self,
        models: list[Any],
        projectors: list[Projector],
        connection: BaseDatabaseWrapper,
        progress: Callable[[int, int], None] | None,
        batch: int | None = None,
        saving: Saving | None = None,
    ) -> None:
        self._models = models
        self._projectors = projectors
        self._connection = connection
        self._progress = progress
        self._caller = _Caller(projectors, connection, progress, batch or _BATCH)
        self._tables = ExitStack()
        self._scanned: dict[str, Any] = {}
        definition = None if saving is None else self._definition()
        self._saved: SavedShadows | None = None
        if saving is not None and definition is not None:
            self._saved = SavedShadows(connection, models, definition, saving)

    def __enter__(self) -> "ProjectorReplay":
        with ExitStack() as tables:
            for model in self._models:
                tables.enter_context(shadow.shadowed(self._connection, model))
            self._tables = tables.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._tables.__exit__(*failure)

    def scan(self, until: int | None = None) -> int:
        """Call the projectors for all events, up to the head or a position, while others write.

        Return up to which position that was done before.
        """
        self._scanned = self._info()
        if until is not None:
            self._scanned["head"] = min(until, self._scanned["head"])
        head = self._scanned["head"]
        if self._saved is None:
            self._caller.run(0, head)
            return 0
        at = resumed_at = self._saved.fill(head)
        while (at := self._caller.run(at, head, self._saved.is_due)) < head:
            self._saved.save(at)
        return resumed_at

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
        self._come_near()
        with ImmediateAtomic(self._connection.alias):
            head = self._check_log("replay")
            self._catch_up(head)
            written = [shadow.bring_live_table_to_shadow(self._connection, model) for model in self._models]
            with self._connection.cursor() as cursor:
                for model in self._models:
                    label = model._meta.label
                    cursor.execute(_WRITE_CHECKPOINT, [label, projectors_hash(label, self._projectors)])
            if self._saved is not None:
                self._saved.drop()
        if self._saved is not None:
            self._saved.clean_up()
        if self._progress is not None:
            self._progress(head, head)
        return head, written

    def _come_near(self) -> None:
        """Call the projectors for what was appended since, while others write: little is left for the lock."""
        if self._connection.in_atomic_block:
            return
        for _ in range(_ROUNDS):
            head = self._check_log("replay")
            if head - self._scanned["head"] <= _FEW:
                return
            self._caller.run(self._scanned["head"], head)
            self._scanned["head"] = head

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

    def _definition(self) -> str | None:
        """Say on what the rows depend beside the log."""
        known = known_fields(self._connection.alias)
        labels = sorted({label for each in self._projectors for label in each.events} & known.keys())
        kept = {model._meta.label: projectors_hash(model._meta.label, self._projectors) for model in self._models}
        tables = [shadow.statements(self._connection, model) for model in self._models]
        code = [*(each.function for each in self._projectors), *map(apps.get_model, labels), *self._models]
        return definition_of(repr((kept, tables, [(label, known[label]) for label in labels])), code)

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

    def run(self, after: int, until: int, stop: Callable[[], bool] = lambda: False) -> int:
        """Call them, until stop() is true after a batch; return up to which position that was."""
        next_progress = time.monotonic() + _PAUSE
        for batch in self._batches(after, until):
            next_progress = self._run_batch(batch, until, next_progress)
            if stop():
                return int(batch[-1][0])
        return until

    def _run_batch(self, batch: list[Any], until: int, next_progress: float) -> float:
        with only_temporary_tables(self._connection) as refused:
            for position, _, label, data, _, _, created, _ in batch:
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
        return next_progress

    def _batches(self, after: int, until: int) -> Iterator[list[Any]]:
        labels = sorted(self._projectors)
        while labels and after < until:
            read = partial(_core.Log.read, types=labels, after=after, until=until, limit=self._batch)
            batch: list[Any] = native(self._connection, "eventfold: read", read)
            if batch:
                yield batch
            if len(batch) < self._batch:
                return
            after = batch[-1][0]
