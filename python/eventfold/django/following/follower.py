"""Folding one read model after the commit, in batches."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from eventfold import _core
from eventfold.django.following.checkpoints import (
    Checkpoint,
    data_version,
    is_locked,
    move_checkpoint,
    now_ms,
    read_checkpoint,
)
from eventfold.django.following.letters import held_keys, key_text, put_letter, read_letters
from eventfold.django.following.policy import policy
from eventfold.django.following.turns import LEASE_MS, Follows, Step
from eventfold.django.gate import native
from eventfold.django.handlers import stating_the_event
from eventfold.django.lookup import labels_looked_at
from eventfold.django.registry import compile_model
from eventfold.django.specification import as_text
from eventfold.django.tracking.pace import Pace
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import ProjectionError, WrongLog

_FIRST_HANDLED = 8
_UNBOUND = 1 << 30


class Follower(Follows):
    """Folds the events of a read model that a follower keeps. One thread at a time.

    Rows and checkpoint are written in one transaction, in which the checkpoint is looked at first: whatever other
    processes do, no event is folded twice. The lease is there to share the work, and no more.
    """

    verb = "fold"

    def __init__(self, model: Any, alias: str, worker: str = "", retries: int | None = None) -> None:
        declaration = model.projection
        label: str = model._meta.label
        chosen = policy(declaration.retries if retries is None else retries, declaration.on_error)
        looked_at = labels_looked_at(declaration)
        if looked_at:  # an event that is folded after later ones would find other rows
            chosen = replace(chosen, on_error="stop")
        super().__init__(label, label, sorted(declaration.labels() | looked_at), alias, worker, chosen)
        self.model = model
        self._compiled = compile_model(model, alias)
        handler = self._compiled.handler and stating_the_event(self._compiled.handler, model)
        handlers = {self.label: handler} if handler else {}
        self._read_models = _core.ReadModels([self._compiled.spec], handlers, for_follower=True)
        self._pace = Pace()
        if handler:
            self._pace.rows = _FIRST_HANDLED  # nobody knows yet how long an @on method takes
        self._most = _UNBOUND  # positions of a batch, while an event that fails is looked for
        self._version = 0

    def catch_up(self, until: int | None = None) -> None:
        """Fold up to a position, or the head as it is now; in the open transaction if there is one.

        Raises what folding raises, and WrongLog, ProjectionError where a replay is due.
        """
        while True:
            with ImmediateAtomic(self._alias):
                checkpoint = read_checkpoint(self._connection, self.label)
                if checkpoint is None:
                    return
                self._refuse_due(checkpoint)
                if until is None:
                    until = checkpoint.head
                assert checkpoint.position is not None
                last = min(until, checkpoint.head)
                if checkpoint.position >= last:
                    return
                self.position = checkpoint.position
                self._fold(checkpoint, min(last, checkpoint.position + self._pace.rows), None)

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
                self._fold(checkpoint, until, None if until == checkpoint.head else self._worker)
        except Exception as error:
            if is_locked(error):
                raise
            return self._failed(after, until, error)
        self._most = min(self._most * 2, _UNBOUND)
        return Step.FOLDED

    def due_message(self) -> str:
        return due_message(self.label, self.problem, self._alias)

    def fold_alone(self, position: int) -> None:
        """Fold one event, wherever the checkpoint is, in the transaction that is open. Raises what folding raises."""
        self._fold_range(position - 1, position)

    def check(self) -> None:
        """Raise ProjectionError or WrongLog if its rows are such that no event can be added to them."""
        checkpoint = read_checkpoint(self._connection, self.row)
        if checkpoint is None:
            raise ProjectionError(f"{self.label} is kept by each append: no follower keeps it")
        self._refuse_due(checkpoint)

    def _refuse_due(self, checkpoint: Checkpoint) -> None:
        self.problem = self._why_due(checkpoint)
        if self.problem:
            raise (ProjectionError if checkpoint.of_this_log else WrongLog)(self.due_message())

    def _why_due(self, checkpoint: Checkpoint) -> str:
        if not checkpoint.of_this_log:
            return "its rows were made from another log, or up to a position above the head"
        if checkpoint.due:
            return "events were loaded past it, or its rows were deleted"
        if checkpoint.spec_hash != self._compiled.hash:
            return "its rows were made by another definition than this process has"
        return ""

    def _fold(self, checkpoint: Checkpoint, until: int, worker: str | None) -> None:
        started = time.perf_counter()
        after = self.position
        if checkpoint.has_letters:
            self._fold_beside_letters(after, until)
        else:
            self._fold_range(after, until)
        expires = None if worker is None else now_ms() + LEASE_MS
        move_checkpoint(self._connection, self.row, until, worker, expires)
        self._forward(until)
        seconds = time.perf_counter() - started
        version = data_version(self._connection)
        self.pause = self._pace.took(until - after, seconds, others_wrote=version != self._version)
        self._version = version

    def _fold_range(self, after: int, until: int) -> None:
        fold = partial(_core.Log.fold_range, read_models=self._read_models, after=after, until=until)
        native(self._connection, f"eventfold: follow {self.label}", fold)

    def _fold_beside_letters(self, after: int, until: int) -> None:
        """Fold a range but for the events of rows that wait for a dead letter: these wait with it."""
        held = held_keys(read_letters(self._connection, self.row))
        for position, keys in self._events(after, until):
            if held.isdisjoint(keys):
                continue
            if after < position - 1:
                self._fold_range(after, position - 1)
            put_letter(self._connection, self.row, position, keys)
            held |= keys
            after = position
        if after < until:
            self._fold_range(after, until)

    def _events(self, after: int, until: int) -> Iterator[tuple[int, frozenset[str]]]:
        """The events of a range that concern a row, and the keys of their rows."""
        find = partial(_core.keys_of_events, spec=keys_only(self._compiled.spec), after=after, until=until)
        for position, keys in native(self._connection, f"eventfold: keys {self.label}", find):
            yield position, frozenset(map(key_text, keys))

    def _keys(self, position: int) -> frozenset[str]:
        return next((keys for _, keys in self._events(position - 1, position)), frozenset())

    def _failed(self, after: int, until: int, error: Exception) -> Step:
        if until - after > 1:  # which of the events it is must be known first
            self._most = max((until - after) // 8, 1)
            return Step.FOLDED
        text = str(error) if isinstance(error, ProjectionError) else f"{type(error).__name__}: {error}"
        return self._fails(after, until, text)


def keys_only(spec: str) -> str:
    """Return a specification that finds the same rows, and whose operations can never fail."""
    found = json.loads(spec)
    counted = [[label, None] for label in found["events"]]
    column = {"kind": "integer", "op": "count", "from": counted, "cleared_by": [], "initial": 0}
    found.update(columns=[{"column": "eventfold_events", **column}], delete_on=[], handlers=[], batched=False)
    return as_text(found)


def due_message(label: str, problem: str, alias: str) -> str:
    """Say which command mends a read model."""
    return f"A replay of {label} is due, since {problem}: run `manage.py events replay {label} --database {alias}`"
