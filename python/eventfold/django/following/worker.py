"""A process that follows: it keeps read models until it is told to stop, and wakes when somebody commits."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connections

from eventfold import _core
from eventfold.django.event_views import table_names
from eventfold.django.following.beginnings import begin
from eventfold.django.following.checkpoints import data_version, is_locked
from eventfold.django.following.follower import Follower, due_message
from eventfold.django.following.keepers import give_back, take_over
from eventfold.django.following.reacting import ReactorFollower
from eventfold.django.following.turns import Follows, Step, new_worker
from eventfold.django.gate import native
from eventfold.django.reactors import Reactor
from eventfold.django.read_model_state import is_async
from eventfold.django.registry import compiled_for, followed_labels, models_of
from eventfold.django.segments import seal_next
from eventfold.django.tracking.follow import wanted_on
from eventfold.django.tracking.inline import fold_new, is_followed
from eventfold.django.tracking.pace import Pace
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import EventfoldError

_TICK = 1.0  # seconds after which everything is looked at, whether somebody committed or not
_AWAKE = 0.002  # seconds between two looks while events come
_ASLEEP = 0.010  # and when none came for a while
_DROWSY = 2.0  # seconds without an event after which it sleeps
_AGAIN = 0.05  # seconds after which what had to wait is tried again
_MOST_BACK_OFF = 2.0
_LONGEST_DELAY = 60.0


class Worker:
    """Follows the read models and reactors of a database. `say(text, is_error)` tells its user what he should know.

    `retries` overrides what they and the settings say. `seals`: it seals the log where there is nothing else to do.
    """

    def __init__(
        self,
        alias: str,
        followed: list[Any],
        say: Callable[[str, bool], None],
        retries: int | None = None,
        *,
        seals: bool = False,
    ) -> None:
        self.stopping = False
        """Set it, e.g. in a signal handler: the batch is finished, then run() returns."""
        self._alias = alias
        self._followed = followed
        self._say = say
        self._retries = retries
        self._connection: Any = connections[alias]
        self._name = new_worker()
        self._followers: dict[Any, Follows] = {}
        self._said: dict[Any, str] = {}
        self._back_off = 0.0
        self._turn = 0
        self._anyone_waits = True
        self._fold_new_at = 0.0
        self._fold_new_delay = _AGAIN
        self._pace = Pace()
        self._until: int | None = None
        self._next_tick = 0.0
        self._last_event = time.monotonic()
        self._sealed: int | None = 0 if seals else None  # up to where it has seen to that

    def run(self, *, once: bool) -> bool:
        """Follow until `stopping` is set, or, `once`, what is recorded by now is seen; return whether all is well."""
        self._connection.ensure_connection()
        while not self.stopping:
            try:
                if self._turn_of_all(once):
                    break
                self._back_off = 0.0
            except Exception as error:
                if not is_locked(error):
                    raise
                if not self._back_off:
                    self._say(f"The database is locked; it is tried again: {error}", True)
                self._back_off = min(max(self._back_off * 2, _AGAIN), _MOST_BACK_OFF)
                time.sleep(self._back_off)
        return not self._said

    def _turn_of_all(self, once: bool) -> bool:
        """Fold what there is, then sleep if there is nothing more; return whether, `once`, all is done."""
        version = data_version(self._connection)
        now = time.monotonic()
        if now >= self._next_tick:
            self._join()
            self._next_tick = now + _TICK  # not before: what was locked is tried again at once
        if once and self._until is None:
            while self._fold_new() and not self.stopping:
                pass
            self._until = self._head()
        more, waiting = self._round(self._until)
        if more:
            self._last_event = time.monotonic()
        elif self._seal():
            pass  # and see what came meanwhile
        elif once and not waiting:
            return True
        elif self._sleep(version, min(self._next_tick, time.monotonic() + _AGAIN) if waiting else self._next_tick):
            self._last_event = time.monotonic()
        return False

    def _sleep(self, version: int, deadline: float) -> bool:
        """Sleep until another connection has committed, or the deadline; return whether one has."""
        while not self.stopping and (now := time.monotonic()) < deadline:
            if data_version(self._connection) != version:
                return True
            time.sleep(_AWAKE if now < self._last_event + _DROWSY else _ASLEEP)
        return False

    @property
    def folded(self) -> dict[str, int]:
        """How many positions each read model and reactor was brought forward."""
        return {follower.label: follower.folded for follower in self._followers.values() if follower.folded}

    def _head(self) -> int:
        info: dict[str, Any] = native(self._connection, "eventfold: info", _core.Log.info)
        return int(info["head"])

    def _join(self) -> None:
        """Take over what the classes say, and give back what they say no more."""
        with self._connection.wrap_database_errors:
            kept = followed_labels(self._alias)
        self._anyone_waits = is_followed() or any(model._meta.label not in kept for model in models_of(self._alias))
        for each in self._followed:
            if each in self._followers or self.stopping:
                continue
            try:
                if isinstance(each, Reactor):
                    self._join_reactor(each)
                else:
                    self._join_read_model(each, kept)
            except EventfoldError as error:
                if is_locked(error):
                    raise
                self._tell(each, str(error))

    def _join_reactor(self, reactor: Reactor) -> None:
        head = begin(reactor, self._alias)
        if head is not None:
            self._say(f"{reactor.name}: it begins after position {head:,}, the head of the log", False)
        follower = ReactorFollower(reactor, self._alias, self._name, self._retries)
        follower.stopping = lambda: self.stopping
        self._add(reactor, follower)

    def _join_read_model(self, model: Any, kept: set[str]) -> None:
        label = model._meta.label
        if model._meta.db_table not in table_names(self._connection):
            self._tell(model, f"{label} has no table yet: run `manage.py migrate --database {self._alias}`")
        elif not is_async(model):
            if label in kept:
                give_back(model, self._alias)
                self._say(f"{label}: appends keep it again", False)
        elif problem := take_over(model, self._alias):
            self._tell(model, due_message(label, problem, self._alias))
        else:
            self._add(model, Follower(model, self._alias, self._name, self._retries))

    def _add(self, followed: Any, follower: Follows) -> None:
        self._followers[followed] = follower
        follower.try_again()
        self._tell(followed, "")

    def _round(self, until: int | None) -> tuple[bool, bool]:
        """Give everyone a turn; return whether there is more to do, and whether something must be tried again soon.

        `until`: what comes after is not waited for.
        """
        more = self._fold_new()
        waiting = False
        followers = list(self._followers.items())
        self._turn += 1
        for index in range(len(followers)):
            if self.stopping:
                break
            followed, follower = followers[(index + self._turn) % len(followers)]
            step = follower.step(now=until is not None)
            if step is Step.FOLDED:
                more = more or until is None or follower.position < until
                time.sleep(follower.pause)
            waiting = waiting or step in (Step.WAITS, Step.BUSY)
            self._note(followed, follower, step)
        return more, waiting

    def _fold_new(self) -> bool:
        """Do what follows from events that other programs recorded; return whether there is more of them.

        Inline read models fold them in pieces; where receivers or translations hear of them, all in one transaction.
        """
        if not self._anyone_waits or time.monotonic() < self._fold_new_at:
            return False
        if native(self._connection, "eventfold: unfolded", _core.Log.unfolded) is None:
            return False
        more = False
        try:
            if wanted_on(self._connection) is None:
                more = self._fold_a_piece()
            else:
                with ImmediateAtomic(self._alias):
                    fold_new(self._connection)
        except Exception as error:
            if is_locked(error):
                raise
            self._fold_new_at = time.monotonic() + self._fold_new_delay
            self._fold_new_delay = min(self._fold_new_delay * 4, _LONGEST_DELAY)
            self._tell(
                None,
                f"What other programs recorded cannot be folded or followed: {type(error).__name__}: {error}; it is "
                "tried again",
            )
            return False
        self._tell(None, "")
        self._fold_new_delay = _AGAIN
        return more

    def _seal(self) -> bool:
        """Make one segment, if that is wanted and there are events enough; return whether it did."""
        if self._sealed is None:
            return False
        try:
            until = seal_next(self._connection, self._sealed)
        except EventfoldError as error:
            if is_locked(error):
                raise
            self._say(f"The log cannot be sealed beyond position {self._sealed:,}: {error}", True)
            self._sealed = None
            return False
        if until is not None:
            self._sealed = until
        return until is not None

    def _fold_a_piece(self) -> bool:
        started = time.perf_counter()
        fold = partial(_core.Log.fold_pending, read_models=compiled_for(self._alias), limit=self._pace.rows)
        folded = native(self._connection, "eventfold: fold", fold)
        if folded is None:
            return False
        seconds = time.perf_counter() - started
        time.sleep(self._pace.took(folded[1] - folded[0], seconds, others_wrote=True))
        return True

    def _note(self, followed: Any, follower: Follows, step: Step) -> None:
        if follower.notice:
            self._say(follower.notice, True)
            follower.notice = ""
        if step is Step.DUE:
            self._tell(followed, follower.due_message())
        elif step is Step.GONE:
            self._say(f"{follower.label}: appends keep it again", False)
            del self._followers[followed]
            self._followed = [each for each in self._followed if each is not followed]
        elif step in (Step.WAITS, Step.STOPPED):
            self._tell(followed, follower.failure(step))
        elif step in (Step.FOLDED, Step.IDLE):
            self._tell(followed, "")

    def _tell(self, followed: Any, problem: str) -> None:
        """Say what is wrong, once."""
        if problem and self._said.get(followed) != problem:
            self._say(problem, True)
        if problem:
            self._said[followed] = problem
        else:
            self._said.pop(followed, None)
