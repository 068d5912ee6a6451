"""Calling a reactor for each new event, after the commit."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from eventfold import _core
from eventfold.django.declared import declared_model
from eventfold.django.event_reader import EventReader
from eventfold.django.following.checkpoints import Checkpoint, now_ms, read_checkpoint, run
from eventfold.django.following.policy import policy
from eventfold.django.following.turns import Follows, Step
from eventfold.django.gate import native
from eventfold.django.reactors import Reactor
from eventfold.django.recorded import Recorded
from eventfold.django.registry import known_fields
from eventfold.django.transactions import ImmediateAtomic
from eventfold.django.type_fields import TypeFields
from eventfold.errors import EventfoldError

_BATCH = 100
_LONGEST = 0.1  # seconds after which another reactor or read model of this process has its turn


class ReactorFollower(Follows):
    """Calls one reactor. One thread at a time.

    The effect cannot be in the transaction of its checkpoint. So the lease is taken first, and the checkpoint is moved
    after each call: whoever dies in between leaves one event to be seen again.
    """

    verb = "take"

    def __init__(self, reactor: Reactor, alias: str, worker: str = "", retries: int | None = None) -> None:
        chosen = policy(reactor.retries if retries is None else retries, reactor.on_error)
        super().__init__(reactor.row, reactor.name, reactor.labels(), alias, worker, chosen)
        self.stopping: Callable[[], bool] = bool
        """Asked after each event: whether the rest of the batch can wait."""
        self.reactor = reactor
        self.lease_ms = int(reactor.timeout * 1000)
        self._readers: dict[str, EventReader] = {}
        self._done = 0  # the position of an effect that could not be noted, since the database was locked
        (self._log_id,) = run(self._opened(), "SELECT log_id FROM eventfold_head")[0]

    def step(self, *, now: bool = False) -> Step:
        checkpoint = read_checkpoint(self._opened(), self.row)  # without a lock: mostly there is nothing to do
        found = self._look(checkpoint, now)
        if found is not Step.FOLDED:
            return found
        with ImmediateAtomic(self._alias):
            checkpoint = read_checkpoint(self._connection, self.row)
            found = self._look(checkpoint, now=True)
            if checkpoint is None or found is not Step.FOLDED:
                return found
            after = max(self.position, self._done)
            batch = self._events(after, checkpoint.head)
            until = batch[-1][0] if len(batch) == _BATCH else checkpoint.head
            if not batch:
                self._note(self.position, until, last=True)
                return Step.FOLDED
            run(
                self._connection,
                "UPDATE eventfold_follower SET worker = ?, expires = ? WHERE name = ?",
                self._worker,
                now_ms() + self.lease_ms,
                self.row,
            )
        began = time.monotonic()
        for index, event in enumerate(batch):
            is_last = index == len(batch) - 1
            found = self._one(event, until if is_last else event[0], is_last)
            if found is not Step.FOLDED or self.notice or is_last:
                return found
            if self.stopping() or time.monotonic() - began >= _LONGEST:
                self._release()
                break
        return Step.FOLDED

    def call(self, event: tuple[Any, ...]) -> None:
        """Call the reactor for an event, as Log.read gives it. Raises what it raises, and CorruptLog."""
        position, event_id, label, data, stream, version, created, metadata = event
        reader = self._readers.get(label)
        if reader is None:
            known = known_fields(self._alias).get(label, TypeFields())
            reader = self._readers[label] = EventReader(declared_model(label), known, self._alias)
        instance = reader(position, created, data)
        instance.__dict__["_recorded"] = Recorded(
            UUID(bytes=event_id), stream, version, json.loads(metadata) if metadata else None
        )
        within = self._connection.in_atomic_block
        try:
            with transaction.atomic(self._alias) if within else nullcontext():
                self.reactor.call(instance, self._log_id, self._alias)
        finally:
            self._opened()
            if not within and self._connection.connection.in_transaction:
                self._connection.connection.rollback()
                raise EventfoldError("it left a transaction open, which is rolled back: use transaction.atomic()")

    def read(self, position: int) -> tuple[Any, ...] | None:
        """Return the event at a position, as Log.read gives it."""
        events: list[Any] = native(
            self._connection, "eventfold: read", _core.Log.read, after=position - 1, until=position
        )
        return events[0] if events else None

    def due_message(self) -> str:
        return (
            f"{self.label} cannot go on by itself, since {self.problem}: say where, by `manage.py events follow "
            f"{self.label} --from POSITION --database {self._alias}`, or `--from head`"
        )

    def _why_due(self, checkpoint: Checkpoint) -> str:
        return reactor_problem(checkpoint)

    def _one(self, event: tuple[Any, ...], until: int, is_last: bool) -> Step:
        before, position = self.position, event[0]
        try:
            self.call(event)
        except Exception as error:
            _close_what_is_broken(self._alias)
            return self._fails(before, position, f"{type(error).__name__}: {error}")
        self._done = position
        with ImmediateAtomic(self._alias):
            noted = self._note(before, until, is_last)
        self._done = 0
        return Step.FOLDED if noted else Step.BUSY

    def _release(self) -> None:
        """Let others go on with it."""
        with ImmediateAtomic(self._alias):
            run(
                self._connection,
                "UPDATE eventfold_follower SET worker = NULL, expires = NULL WHERE name = ? AND worker = ?",
                self.row,
                self._worker,
            )

    def _note(self, before: int, until: int, last: bool) -> bool:
        """Move the checkpoint, in the open transaction; False: somebody else has moved it."""
        moved = run(
            self._connection,
            "UPDATE eventfold_read_model SET position = ? WHERE name = ? AND position = ? RETURNING 1",
            until,
            self.row,
            before,
        )
        if not moved:
            return False
        run(
            self._connection,
            "UPDATE eventfold_follower SET worker = ?, expires = ?, failures = 0, retry_at = 0, error = NULL "
            "WHERE name = ?",
            None if last else self._worker,
            None if last else now_ms() + self.lease_ms,
            self.row,
        )
        self._forward(until)
        return True

    def _events(self, after: int, until: int) -> list[Any]:
        known = known_fields(self._alias)
        types = [label for label in self._types if label in known]
        if not types or after >= until:
            return []
        read = partial(_core.Log.read, types=types, after=after, until=until, limit=_BATCH)
        return native(self._connection, "eventfold: read", read)

    def _opened(self) -> Any:
        self._connection.ensure_connection()  # an effect may close it
        return self._connection


def reactor_problem(checkpoint: Checkpoint) -> str:
    """Say why a reactor cannot go on by itself; empty if it can."""
    if not checkpoint.of_this_log:
        return "its checkpoint is of another log, or above the head"
    return "events were loaded, which may have happened long ago" if checkpoint.due else ""


def _close_what_is_broken(alias: str) -> None:
    """Let the next try connect anew to other databases, which nobody else would do in a process without requests."""
    for connection in connections.all(initialized_only=True):
        if connection.alias != alias:
            with suppress(Exception):
                connection.close_if_unusable_or_obsolete()
