"""Where each read model and reactor stands, for `events status` and monitors."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections

from eventfold.django.event_views import table_names
from eventfold.django.following.checkpoints import Checkpoint, now_ms, read_checkpoint, run
from eventfold.django.following.letters import count_letters
from eventfold.django.following.reacting import reactor_problem
from eventfold.django.following.turns import tries
from eventfold.django.reactors import Reactor, reactors_of
from eventfold.django.read_model_state import DEFINITION_CHANGED, is_async, state_of
from eventfold.django.registry import live_models_of
from eventfold.django.replay import replayable_models

_PACE_LASTS_MS = 10_000


@dataclass(frozen=True)
class Standing:
    """Who keeps a read model or calls a reactor, how far it is, and what is wrong with it."""

    label: str
    lifecycle: str
    """Who keeps it: "inline", each append; "async", a follower; "live", nobody. In the end, what the class says."""
    declared: str
    missing: bool = False
    """It has no table yet."""
    position: int | None = None
    lag_events: int | None = None
    """Positions after its own; None where a replay is due."""
    lag_seconds: float | None = None
    """How old the first event is that it has not seen; 0: it has seen every event."""
    rate: float | None = None
    """Positions a second by which a follower brought it forward of late; 0: by none; None: each append keeps it."""
    letters: int = 0
    due: str = ""
    definition_changed: bool = False
    error: str = ""
    failures: int = 0
    stopped: bool = False

    def lines(self, rows: int, alias: str) -> Iterator[str]:
        """Say it in words."""
        if self.missing:
            yield f"  {self.label}: it has no table yet: run `manage.py migrate --database {alias}`"
        elif self.lifecycle == "live":
            yield f"  {self.label}: live, folded when it is asked for"
        elif self.due:
            yield (
                f"  {self.label}: {rows:,} rows; a replay is due, since {self.due}: run `manage.py events replay "
                f"{self.label} --database {alias}`"
            )
        elif self.lifecycle == "inline":
            yield f"  {self.label}: {rows:,} rows, up to position {self.position:,}"
        else:
            yield f"  {self.label}: {rows:,} rows, async, up to position {self.position:,}: {self._behind()}"
        yield from self._troubles(alias)
        if self.lifecycle != self.declared and not self.missing:
            yield f"    its Projection says {self.declared}; `manage.py events follow` brings that about"

    def _behind(self) -> str:
        if not self.lag_events:
            return "caught up"
        rate = f", at {self.rate:,.0f} positions a second" if self.rate else ""
        plural = "s" * (self.lag_events != 1)
        return f"{self.lag_events:,} position{plural} and {self.lag_seconds:,.1f} s behind{rate}"

    def _troubles(self, alias: str) -> Iterator[str]:
        if self.error:
            what = "stopped at the next event" if self.stopped else "the next event failed, and is tried again"
            yield f"    {what}, after {tries(self.failures)}: {self.error}"
        if self.letters:
            yield (
                f"    {self.letters:,} dead letter{'s' * (self.letters != 1)}: see `manage.py events letters list "
                f"{self.label} --database {alias}`"
            )

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
            "rate": self.rate,
            "dead_letters": self.letters,
            "replay_due": self.due or None,
            "definition_changed": self.definition_changed,
            "stopped": self.stopped,
            "failures": self.failures,
            "error": self.error or None,
        }


@dataclass(frozen=True)
class ReactorStanding(Standing):
    """The same of a reactor, which has no rows. `due` says why somebody must say where it goes on."""

    def lines(self, rows: int, alias: str) -> Iterator[str]:
        if self.position is None:
            yield f"  {self.label}: new; it begins when `manage.py events follow` or migrate runs"
        elif self.due:
            yield (
                f"  {self.label}: it cannot go on by itself, since {self.due}: run `manage.py events follow "
                f"{self.label} --from POSITION --database {alias}`"
            )
        else:
            yield f"  {self.label}: up to position {self.position:,}: {self._behind()}"
        yield from self._troubles(alias)

    def as_json(self) -> dict[str, Any]:
        found = super().as_json()
        for name in ("lifecycle", "declared", "has_table", "replay_due", "definition_changed"):
            del found[name]
        return {**found, "begun": self.position is not None, "problem": self.due or None}


def standings(connection: Any) -> Iterator[tuple[Any, Standing]]:
    """Return where each read model of a database stands."""
    alias = connection.alias
    tables = table_names(connection)
    letters = _letters(connection, tables)
    for model in replayable_models(alias):
        declared = "async" if is_async(model) else "inline"
        if model._meta.db_table not in tables:
            yield model, Standing(model._meta.label, declared, declared, missing=True)
        else:
            yield model, _standing(connections[alias], model, declared, letters.get(model._meta.label, 0))
    for model in live_models_of(alias):
        lag: Any = None if model._meta.db_table not in tables else 0
        yield model, Standing(model._meta.label, "live", "live", missing=lag is None, lag_events=lag, lag_seconds=lag)


def reactor_standings(connection: Any) -> Iterator[ReactorStanding]:
    """Return where each reactor of a database stands."""
    letters = _letters(connection, table_names(connection))
    for reactor in reactors_of(connection.alias):
        yield _reactor_standing(connection, reactor, letters.get(reactor.row, 0))


def _letters(connection: Any, tables: set[str]) -> dict[str, int]:
    return count_letters(connection) if "eventfold_dead_letter" in tables else {}


def _standing(connection: Any, model: Any, declared: str, letters: int) -> Standing:
    state = state_of(model, connection.alias)
    changed = state.problem == DEFINITION_CHANGED
    checkpoint = read_checkpoint(connection, state.label) if state.followed else None
    if checkpoint is None:
        lag: Any = None if state.problem else 0
        return Standing(
            state.label,
            "inline",
            declared,
            position=state.position,
            lag_events=lag,
            lag_seconds=lag,
            due=state.problem,
            definition_changed=changed,
        )
    events, seconds = (None, None) if state.problem else _lag(connection, state.position or 0, checkpoint)
    return Standing(
        state.label,
        "async",
        declared,
        position=state.position,
        lag_events=events,
        lag_seconds=seconds,
        rate=_rate(connection, state.label),
        letters=letters,
        due=state.problem,
        definition_changed=changed,
        error=checkpoint.error or "",
        failures=checkpoint.failures,
        stopped=checkpoint.stopped,
    )


def _reactor_standing(connection: Any, reactor: Reactor, letters: int) -> ReactorStanding:
    checkpoint = read_checkpoint(connection, reactor.row)
    if checkpoint is None or checkpoint.position is None:
        return ReactorStanding(reactor.name, "async", "async", letters=letters)
    due = reactor_problem(checkpoint)
    events, seconds = (None, None) if due else _lag(connection, checkpoint.position, checkpoint)
    return ReactorStanding(
        reactor.name,
        "async",
        "async",
        position=checkpoint.position,
        lag_events=events,
        lag_seconds=seconds,
        rate=_rate(connection, reactor.row),
        letters=letters,
        due=due,
        error=checkpoint.error or "",
        failures=checkpoint.failures,
        stopped=checkpoint.stopped,
    )


def _lag(connection: Any, position: int, checkpoint: Checkpoint) -> tuple[int, float]:
    sql = "SELECT created FROM eventfold_event WHERE position > ? ORDER BY position LIMIT 1"
    rows = run(connection, sql, position)
    seconds = max(time.time() - rows[0][0] / 1_000_000, 0.0) if rows else 0.0
    return max(checkpoint.head - position, 0), round(seconds, 3)


def _rate(connection: Any, name: str) -> float:
    if "eventfold_pace" not in table_names(connection):
        return 0.0
    rows = run(connection, "SELECT measured_at, rate FROM eventfold_pace WHERE name = ?", name)
    fresh = rows and abs(now_ms() - rows[0][0]) < _PACE_LASTS_MS
    return round(rows[0][1], 1) if fresh else 0.0
