"""What followers of read models and of reactors have in common: whose turn it is, and what becomes of a failure."""

import os
import secrets
import socket
import time
from enum import Enum
from typing import Any

from django.db import connections

from eventfold.django.following.checkpoints import (
    Checkpoint,
    has_news,
    note_pace,
    now_ms,
    read_checkpoint,
    run,
)
from eventfold.django.following.letters import put_letter
from eventfold.django.following.policy import Policy
from eventfold.django.transactions import ImmediateAtomic

LEASE_MS = 10_000
_FIRST_DELAY_MS = 100
_MOST_DELAY_MS = 60_000
_LAZY = 1.0  # seconds that a checkpoint may lie behind when no event concerns it
_LONGEST_WINDOW = 10.0  # seconds over which the pace is measured
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


class Follows:
    """Something that a worker gives turns to, with a checkpoint in the database. One thread at a time."""

    verb = "take"
    """What it does with an event."""
    lease_ms = LEASE_MS

    def __init__(self, row: str, label: str, types: list[str], alias: str, worker: str, policy: Policy) -> None:
        self.row = row
        """Its name in the database."""
        self.label = label
        """Its name, as its user knows it."""
        self.problem = ""
        """Why it cannot go on: a replay is due."""
        self.pause = 0.0
        """Seconds for which others should be let write, after a step."""
        self.folded = 0
        """How many positions it was brought forward."""
        self.position = 0
        """The checkpoint when it was last looked at."""
        self.notice = ""
        """What its user should know of the last step, though it went on."""
        self._alias = alias
        self._connection: Any = connections[alias]
        self._worker = worker or new_worker()
        self._policy = policy
        self._types = types
        self._moved = time.monotonic()
        self._measured = (time.monotonic(), 0)

    def step(self, *, now: bool = False) -> Step:
        """Do one batch, if there is anything to do. `now`: move the checkpoint even if no event concerns it.

        Raises LogLocked, and OperationalError where the database is locked.
        """
        raise NotImplementedError

    def due_message(self) -> str:
        """Say which command mends it."""
        raise NotImplementedError

    def failure(self, step: Step) -> str:
        """Say which event failed, and what becomes of it."""
        checkpoint = read_checkpoint(self._connection, self.row)
        if checkpoint is None or checkpoint.error is None:
            return ""
        position = (checkpoint.position or 0) + 1
        what = f"{self.label} cannot {self.verb} the event at position {position:,}: {checkpoint.error}"
        if step is Step.WAITS:
            return f"{what}; it is tried again"
        return f"{what}; after {tries(checkpoint.failures)} it stops there. Mend it, then start `events follow` anew"

    def try_again(self) -> None:
        """Forget earlier failures, as a new process may have the code that mends them."""
        checkpoint = read_checkpoint(self._connection, self.row)
        if checkpoint is None or not checkpoint.failures:
            return
        with ImmediateAtomic(self._alias):
            run(
                self._connection,
                "UPDATE eventfold_follower SET failures = 0, retry_at = 0 WHERE name = ? AND failures > 0",
                self.row,
            )

    def _why_due(self, checkpoint: Checkpoint) -> str:
        raise NotImplementedError

    def _keys(self, position: int) -> frozenset[str]:
        """The keys of the rows that an event concerns."""
        return frozenset()

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
            and time_ms < (checkpoint.expires or 0) <= time_ms + self.lease_ms
            and not is_dead(str(checkpoint.worker))
        ):
            return Step.BUSY
        if now or head - after > _FAR or time.monotonic() - self._moved > _LAZY:
            return Step.FOLDED
        return Step.FOLDED if has_news(self._connection, self._types, after, head) else Step.IDLE

    def _forward(self, until: int) -> None:
        """Take notice that the checkpoint is moved, in the transaction that does so."""
        now = time.monotonic()
        self.folded += until - self.position
        self.position = until
        self._moved = now
        since, folded = self._measured
        if now - since > _LONGEST_WINDOW:  # nothing happened for a while
            self._measured = now, self.folded
        elif now - since >= 1:
            note_pace(self._connection, self.row, (self.folded - folded) / (now - since))
            self._measured = now, self.folded

    def _fails(self, after: int, position: int, error: str) -> Step:
        """Note that the first event of its own after the checkpoint failed, and say what becomes of it."""
        with ImmediateAtomic(self._alias):
            checkpoint = read_checkpoint(self._connection, self.row)
            if checkpoint is None or checkpoint.position != after:
                return Step.FOLDED  # another process has done it
            failures = checkpoint.failures + 1
            given_up = failures >= self._policy.retries
            skipped = given_up and self._policy.on_error == "skip"
            if skipped:
                put_letter(self._connection, self.row, position, self._keys(position), failures, error)
            delay = min(_FIRST_DELAY_MS * 4 ** min(failures - 1, 10), _MOST_DELAY_MS)
            run(
                self._connection,
                "UPDATE eventfold_follower SET failures = ?, retry_at = ?, error = ?, worker = NULL, expires = NULL "
                "WHERE name = ?",
                0 if skipped else failures,
                0 if skipped else None if given_up else now_ms() + delay,
                None if skipped else error,
                self.row,
            )
            passed = position if skipped else position - 1
            run(self._connection, "UPDATE eventfold_read_model SET position = ? WHERE name = ?", passed, self.row)
            self.position = passed
        if not skipped:
            return Step.STOPPED if given_up else Step.WAITS
        self.folded += 1
        self.notice = (
            f"{self.label} cannot {self.verb} the event at position {position:,}: {error}; after "
            f"{tries(failures)} it is a dead letter, see `manage.py events letters list "
            f"--database {self._alias}`, and {self.label} goes on"
        )
        return Step.FOLDED


def tries(number: int) -> str:
    """Say how often something was tried."""
    return f"{number} tr{'ies' if number != 1 else 'y'}"


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
