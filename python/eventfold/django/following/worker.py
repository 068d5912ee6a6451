"""A process that follows: it keeps read models until it is told to stop, and wakes when somebody commits."""

import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connections

from eventfold import _core
from eventfold.django.event_views import table_names
from eventfold.django.following.checkpoints import data_version
from eventfold.django.following.follower import RETRIES, Follower, Step, due_message, new_worker
from eventfold.django.following.keepers import give_back, take_over
from eventfold.django.gate import native
from eventfold.django.read_model_state import is_async
from eventfold.django.registry import followed_labels, models_of
from eventfold.django.tracking.inline import fold_new, is_followed
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import EventfoldError, LogLocked

_TICK = 1.0  # seconds after which everything is looked at, whether somebody committed or not
_AWAKE = 0.002  # seconds between two looks while events come
_ASLEEP = 0.010  # and when none came for a while
_DROWSY = 2.0  # seconds without an event after which it sleeps
_AGAIN = 0.05  # seconds after which what had to wait is tried again
_MOST_BACK_OFF = 2.0
_LONGEST_DELAY = 60.0


class Worker:
    """Follows the read models of a database. `say(text, is_error)` is called with what its user should know."""

    def __init__(self, alias: str, models: list[Any], say: Callable[[str, bool], None], retries: int = RETRIES) -> None:
        self.stopping = False
        """Set it, e.g. in a signal handler: the batch is finished, then run() returns."""
        self._alias = alias
        self._models = models
        self._say = say
        self._retries = retries
        self._connection: Any = connections[alias]
        self._name = new_worker()
        self._followers: dict[Any, Follower] = {}
        self._said: dict[Any, str] = {}
        self._back_off = 0.0
        self._turn = 0
        self._anyone_waits = True
        self._fold_new_at = 0.0
        self._fold_new_delay = _AGAIN

    def run(self, *, once: bool) -> bool:
        """Follow until `stopping` is set, or, `once`, what is recorded by now is seen; return whether all is well."""
        self._connection.ensure_connection()
        until = self._head() if once else None
        joined = False
        tick = last_event = time.monotonic()
        while not self.stopping:
            version = data_version(self._connection)
            if not joined or time.monotonic() >= tick + _TICK:
                tick = time.monotonic()
                joined = self._join()
            more, waiting = self._round(until)
            if more:
                last_event = time.monotonic()
            elif waiting or not joined:
                time.sleep(max(self._back_off, _AGAIN))
            elif once:
                break
            elif self._sleep(version, last_event, tick + _TICK):
                last_event = time.monotonic()
        return not self._said

    def _sleep(self, version: int, last_event: float, deadline: float) -> bool:
        """Sleep until another connection has committed, or the deadline; return whether one has."""
        while not self.stopping and (now := time.monotonic()) < deadline:
            if data_version(self._connection) != version:
                return True
            time.sleep(_AWAKE if now < last_event + _DROWSY else _ASLEEP)
        return False

    @property
    def folded(self) -> dict[str, int]:
        """How many positions each read model was brought forward."""
        return {follower.label: follower.folded for follower in self._followers.values() if follower.folded}

    def _head(self) -> int:
        info: dict[str, Any] = native(self._connection, "eventfold: info", _core.Log.info)
        return int(info["head"])

    def _join(self) -> bool:
        """Take over what the classes say, and give back what they say no more; return whether all had their turn."""
        with self._connection.wrap_database_errors:
            kept = followed_labels(self._alias)
        self._anyone_waits = is_followed() or any(model._meta.label not in kept for model in models_of(self._alias))
        for model in self._models:
            if model in self._followers or self.stopping:
                continue
            label = model._meta.label
            try:
                if model._meta.db_table not in table_names(self._connection):
                    self._tell(model, f"{label} has no table yet: run `manage.py migrate --database {self._alias}`")
                elif not is_async(model):
                    if label in kept:
                        give_back(model, self._alias)
                        self._say(f"{label}: appends keep it again", False)
                elif problem := take_over(model, self._alias):
                    self._tell(model, due_message(label, problem, self._alias))
                else:
                    self._followers[model] = Follower(model, self._alias, self._name, self._retries)
                    self._followers[model].try_again()
                    self._tell(model, "")
            except (LogLocked, OperationalError) as error:
                self._locked(error)
                return False
            except EventfoldError as error:
                self._tell(model, str(error))
        return True

    def _round(self, until: int | None) -> tuple[bool, bool]:
        """Give everyone a turn; return whether there is more to do, and whether something must be tried again soon.

        `until`: what comes after is not waited for.
        """
        more = waiting = False
        try:
            self._fold_new()
            followers = list(self._followers.items())
            self._turn += 1
            for index in range(len(followers)):
                if self.stopping:
                    break
                model, follower = followers[(index + self._turn) % len(followers)]
                step = follower.step(now=until is not None)
                if step is Step.FOLDED:
                    more = more or until is None or follower.position < until
                    time.sleep(follower.pause)
                waiting = waiting or step in (Step.WAITS, Step.BUSY)
                self._note(model, follower, step)
            self._back_off = 0.0
        except (LogLocked, OperationalError) as error:
            self._locked(error)
            waiting = True
        return more, waiting

    def _fold_new(self) -> None:
        """What other programs wrote to tracked tables, for inline read models, receivers and translations."""
        if not self._anyone_waits or time.monotonic() < self._fold_new_at:
            return
        if native(self._connection, "eventfold: unfolded", _core.Log.unfolded) is None:
            return
        try:
            with ImmediateAtomic(self._alias):
                fold_new(self._connection)
            self._tell(None, "")
            self._fold_new_delay = _AGAIN
        except (LogLocked, OperationalError):
            raise
        except Exception as error:
            self._fold_new_at = time.monotonic() + self._fold_new_delay
            self._fold_new_delay = min(self._fold_new_delay * 4, _LONGEST_DELAY)
            self._tell(
                None,
                f"What other programs recorded cannot be folded or followed: {type(error).__name__}: {error}; it is "
                "tried again",
            )

    def _note(self, model: Any, follower: Follower, step: Step) -> None:
        if step is Step.DUE:
            self._tell(model, due_message(follower.label, follower.problem, self._alias))
        elif step is Step.GONE:
            self._say(f"{follower.label}: appends keep it again", False)
            del self._followers[model]
            self._models = [each for each in self._models if each is not model]
        elif step in (Step.WAITS, Step.STOPPED):
            self._tell(model, follower.failure(step))
        elif step in (Step.FOLDED, Step.IDLE):
            self._tell(model, "")

    def _locked(self, error: Exception) -> None:
        if not isinstance(error, LogLocked) and "locked" not in str(error):
            raise error
        if not self._back_off:
            self._say(f"The database is locked; it is tried again: {error}", True)
        self._back_off = min(max(self._back_off * 2, 0.05), _MOST_BACK_OFF)

    def _tell(self, model: Any, problem: str) -> None:
        """Say what is wrong, once."""
        if problem and self._said.get(model) != problem:
            self._say(problem, True)
        if problem:
            self._said[model] = problem
        else:
            self._said.pop(model, None)
