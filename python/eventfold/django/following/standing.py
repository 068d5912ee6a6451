"""Where each read model stands, for `events status`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections

from eventfold.django.event_views import table_names
from eventfold.django.following.checkpoints import Checkpoint, read_checkpoint, run
from eventfold.django.read_model_state import State, is_async, state_of
from eventfold.django.replay import replayable_models


@dataclass(frozen=True)
class Standing:
    """Who keeps a read model, how far it is, and what is wrong with it."""

    label: str
    lifecycle: str
    """Who keeps it: "inline", each append; "async", a follower. In the end that is what the class says."""
    declared: str
    missing: bool = False
    """It has no table yet."""
    position: int | None = None
    lag_events: int | None = None
    """Positions after its own; None where a replay is due."""
    lag_seconds: float | None = None
    """How old the first event is that it has not seen; 0: it has seen every event."""
    due: str = ""
    error: str = ""
    failures: int = 0
    stopped: bool = False

    def lines(self, rows: int, alias: str) -> Iterator[str]:
        """Say it in words."""
        if self.missing:
            yield f"  {self.label}: it has no table yet: run `manage.py migrate --database {alias}`"
        elif self.due:
            yield (
                f"  {self.label}: {rows:,} rows; a replay is due, since {self.due}: run `manage.py events replay "
                f"{self.label} --database {alias}`"
            )
        elif self.lifecycle == "inline":
            yield f"  {self.label}: {rows:,} rows, up to position {self.position:,}"
        else:
            behind = "caught up"
            if self.lag_events:
                behind = (
                    f"{self.lag_events:,} position{'s' * (self.lag_events != 1)} and {self.lag_seconds:,.1f} s behind"
                )
            yield f"  {self.label}: {rows:,} rows, async, up to position {self.position:,}: {behind}"
        if self.error:
            what = "stopped at the next event" if self.stopped else "the next event failed, and is tried again"
            yield f"    {what}, after {self.failures} tr{'ies' if self.failures != 1 else 'y'}: {self.error}"
        if self.lifecycle != self.declared and not self.missing:
            yield f"    its Projection says {self.declared}; `manage.py events follow` brings that about"

    def as_json(self) -> dict[str, Any]:
        """Return it for a monitor."""
        return {
            "name": self.label,
            "lifecycle": self.lifecycle,
            "declared": self.declared,
            "has_table": not self.missing,
            "position": self.position,
            "lag_events": self.lag_events,
            "lag_seconds": self.lag_seconds,
            "replay_due": self.due or None,
            "stopped": self.stopped,
            "failures": self.failures,
            "error": self.error or None,
        }


def standings(connection: Any) -> Iterator[tuple[Any, Standing]]:
    """Return where each read model of a database stands."""
    alias = connection.alias
    tables = table_names(connection)
    for model in replayable_models(alias):
        declared = "async" if is_async(model) else "inline"
        if model._meta.db_table not in tables:
            yield model, Standing(model._meta.label, declared, declared, missing=True)
        else:
            yield model, _standing(connections[alias], model, declared)


def _standing(connection: Any, model: Any, declared: str) -> Standing:
    state = state_of(model, connection.alias)
    if not state.followed:
        lag: Any = None if state.problem else 0
        return Standing(
            state.label, "inline", declared, position=state.position, lag_events=lag, lag_seconds=lag, due=state.problem
        )
    checkpoint = read_checkpoint(connection, state.label)
    if checkpoint is None:
        return Standing(state.label, "inline", declared, position=state.position, due=state.problem)
    events, seconds = (None, None) if state.problem else _lag(connection, state, checkpoint)
    return Standing(
        state.label,
        "async",
        declared,
        position=state.position,
        lag_events=events,
        lag_seconds=seconds,
        due=state.problem,
        error=checkpoint.error or "",
        failures=checkpoint.failures,
        stopped=checkpoint.stopped,
    )


def _lag(connection: Any, state: State, checkpoint: Checkpoint) -> tuple[int, float]:
    position = state.position or 0
    sql = "SELECT created FROM eventfold_event WHERE position > ? ORDER BY position LIMIT 1"
    rows = run(connection, sql, position)
    seconds = max(time.time() - rows[0][0] / 1_000_000, 0.0) if rows else 0.0
    return max(checkpoint.head - position, 0), round(seconds, 3)
