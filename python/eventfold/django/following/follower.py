"""Folding one read model after the commit, in batches."""

import os
import secrets
import socket
import time
from enum import Enum
from functools import partial
from typing import Any

from django.db import connections

from eventfold import _core
from eventfold.django.following.checkpoints import (
    Checkpoint,
    data_version,
    has_news,
    is_locked,
    move_checkpoint,
    now_ms,
    read_checkpoint,
    run,
)
from eventfold.django.gate import native
from eventfold.django.handlers import stating_the_event
from eventfold.django.registry import compile_model
from eventfold.django.tracking.pace import Pace
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import ProjectionError, WrongLog

LEASE_MS = 10_000
RETRIES = 5
_FIRST_DELAY_MS = 100
_MOST_DELAY_MS = 60_000
_LAZY = 1.0  # seconds that a checkpoint may lie behind when no event concerns the read model
_FIRST_HANDLED = 8
_UNBOUND = 1 << 30
_FAR = 10_000  # positions after which it is moved all the same


class Step(Enum):
    """What a follower found when its turn came."""

    FOLDED = "there may be more"
    IDLE = "it has seen every event"
    BUSY = "another process is at it"
    WAITS = "an event failed, and is tried again later"
    STOPPED = "an event failed for good"
    DUE = "a replay is due"
    GONE = "appends keep it"


class Follower:
    """Folds the events of a read model that a follower keeps. One thread at a time.

    Rows and checkpoint are written in one transaction, in which the checkpoint is looked at first: whatever other
    processes do, no event is folded twice. The lease is there to share the work, and no more.
    """

    def __init__(self, model: Any, alias: str, worker: str = "", retries: int = RETRIES) -> None:
        self.model = model
        self.label: str = model._meta.label
        self.problem = ""
        """Why a replay is due."""
        self.pause = 0.0
        """Seconds for which others should be let write, after a step."""
        self.folded = 0
        """How many positions it was brought forward."""
        self.position = 0
        """The checkpoint when it was last looked at."""
        self._alias = alias
        self._connection: Any = connections[alias]
        self._worker = worker or new_worker()
        self._retries = retries
        self._compiled = compile_model(model, alias)
        handler = self._compiled.handler and stating_the_event(self._compiled.handler, model)
        handlers = {self.label: handler} if handler else {}
        self._read_models = _core.ReadModels([self._compiled.spec], handlers, for_follower=True)
        self._types = sorted(model.projection.labels())
        self._pace = Pace()
        if handler:
            self._pace.rows = _FIRST_HANDLED  # nobody knows yet how long an @on method takes
        self._most = _UNBOUND  # positions of a batch, while an event that fails is looked for
        self._version = 0
        self._moved = time.monotonic()

    def catch_up(self, until: int | None = None) -> None:
        """Fold up to a position, or the head as it is now; in the open transaction if there is one.

        Raises what folding raises, and WrongLog, ProjectionError where a replay is due.
        """
        while True:
            with ImmediateAtomic(self._alias):
                checkpoint = read_checkpoint(self._connection, self.label)
                if checkpoint is None:
                    return
                self.problem = self._why_due(checkpoint)
                if self.problem:
                    error = ProjectionError if checkpoint.of_this_log else WrongLog
                    raise error(due_message(self.label, self.problem, self._alias))
                if until is None:
                    until = checkpoint.head
                assert checkpoint.position is not None
                last = min(until, checkpoint.head)
                if checkpoint.position >= last:
                    return
                self._fold(checkpoint.position, min(last, checkpoint.position + self._pace.rows), None)

    def step(self, *, now: bool = False) -> Step:
        """Fold one batch, if there is anything to fold. `now`: move the checkpoint even if no event concerns it.

        Raises LogLocked, and OperationalError where the database is locked.
        """
        self.pause = 0.0
        checkpoint = read_checkpoint(self._connection, self.label)  # without a lock: mostly there is nothing to do
        found = self._look(checkpoint, now)
        if found is not Step.FOLDED:
            return found
        after = until = self.position
        try:
            with ImmediateAtomic(self._alias):
                checkpoint = read_checkpoint(self._connection, self.label)
                found = self._look(checkpoint, now=True)
                if checkpoint is None or found is not Step.FOLDED:
                    return found
                after = self.position
                until = min(checkpoint.head, after + min(self._pace.rows, self._most))
                self._fold(after, until, None if until == checkpoint.head else self._worker)
        except Exception as error:
            if is_locked(error):
                raise
            return self._failed(after, until, error)
        self._most = min(self._most * 2, _UNBOUND)
        return Step.FOLDED

    def failure(self, step: Step) -> str:
        """Say which event failed, and what becomes of it."""
        checkpoint = read_checkpoint(self._connection, self.label)
        if checkpoint is None or checkpoint.error is None:
            return ""
        what = f"{self.label} cannot fold the event at position {(checkpoint.position or 0) + 1:,}: {checkpoint.error}"
        if step is Step.WAITS:
            return f"{what}; it is tried again"
        return f"{what}; after {checkpoint.failures} tries it stops there. Mend it, then start `events follow` anew"

    def try_again(self) -> None:
        """Forget earlier failures, as a new process may have the code that mends them."""
        checkpoint = read_checkpoint(self._connection, self.label)
        if checkpoint is None or not checkpoint.failures:
            return
        with ImmediateAtomic(self._alias):
            run(
                self._connection,
                "UPDATE eventfold_follower SET failures = 0, retry_at = 0 WHERE name = ? AND failures > 0",
                self.label,
            )

    def _look(self, checkpoint: Checkpoint | None, now: bool) -> Step:
        if checkpoint is None:
            return Step.GONE
        self.problem = self._why_due(checkpoint)
        if self.problem:
            return Step.DUE
        if checkpoint.stopped:
            return Step.STOPPED
        after, head = checkpoint.position or 0, checkpoint.head
        self.position = after
        if after >= head:
            return Step.IDLE
        time_ms = now_ms()
        # a clock that was set back must not make anybody wait for longer than was meant
        if checkpoint.retry_at and time_ms < checkpoint.retry_at <= time_ms + _MOST_DELAY_MS:
            return Step.WAITS
        if (
            checkpoint.worker not in (None, self._worker)
            and time_ms < (checkpoint.expires or 0) <= time_ms + LEASE_MS
            and not is_dead(str(checkpoint.worker))
        ):
            return Step.BUSY
        if now or head - after > _FAR or time.monotonic() - self._moved > _LAZY:
            return Step.FOLDED
        return Step.FOLDED if has_news(self._connection, self._types, after, head) else Step.IDLE

    def _why_due(self, checkpoint: Checkpoint) -> str:
        if not checkpoint.of_this_log:
            return "its rows were made from another log, or up to a position above the head"
        if checkpoint.due:
            return "events were loaded past it, or its rows were deleted"
        if checkpoint.spec_hash != self._compiled.hash:
            return "its rows were made by another definition than this process has"
        return ""

    def _fold(self, after: int, until: int, worker: str | None) -> None:
        started = time.perf_counter()
        fold = partial(_core.Log.fold_range, read_models=self._read_models, after=after, until=until)
        native(self._connection, f"eventfold: follow {self.label}", fold)
        expires = None if worker is None else now_ms() + LEASE_MS
        move_checkpoint(self._connection, self.label, until, worker, expires)
        seconds = time.perf_counter() - started
        version = data_version(self._connection)
        self.pause = self._pace.took(until - after, seconds, others_wrote=version != self._version)
        self._version = version
        self.position = until
        self.folded += until - after
        self._moved = time.monotonic()

    def _failed(self, after: int, until: int, error: Exception) -> Step:
        if until - after > 1:  # which of the events it is must be known first
            self._most = max((until - after) // 8, 1)
            return Step.FOLDED
        text = str(error) if isinstance(error, ProjectionError) else f"{type(error).__name__}: {error}"
        with ImmediateAtomic(self._alias):
            checkpoint = read_checkpoint(self._connection, self.label)
            if checkpoint is None or checkpoint.position != after:
                return Step.FOLDED  # another process has done it
            failures = checkpoint.failures + 1
            delay = min(_FIRST_DELAY_MS * 4 ** (failures - 1), _MOST_DELAY_MS)
            run(
                self._connection,
                "UPDATE eventfold_follower SET failures = ?, retry_at = ?, error = ?, worker = NULL, expires = NULL "
                "WHERE name = ?",
                failures,
                None if failures >= self._retries else now_ms() + delay,
                text,
                self.label,
            )
        return Step.STOPPED if failures >= self._retries else Step.WAITS


def due_message(label: str, problem: str, alias: str) -> str:
    """Say which command mends a read model."""
    return f"A replay of {label} is due, since {problem}: run `manage.py events replay {label} --database {alias}`"


def new_worker() -> str:
    """Return a name for this process that no other one has."""
    return f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"


def is_dead(worker: str) -> bool:
    """Whether a process of this machine is gone for certain; a wrong answer costs nothing but order."""
    host, pid, *_ = [*worker.split(" "), ""]
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    if int(pid) == os.getpid():
        return True  # it has my number, and another name
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
