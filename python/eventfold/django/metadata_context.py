"""Who and why: what the code that runs says of the events that are recorded meanwhile.

A context variable holds it, so that it follows a request into the threads and tasks that work for it, and no other one.
An append passes it on. Of events that triggers record, only the connection that writes knows anything: a TEMP trigger
of that connection writes it beside the log, and calls a function of this process for it. Other programs that write to
the same file have no such trigger, so their events stay without.
"""

import json
import logging
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold.django.kinds import canonical_json
from eventfold.errors import InvalidEvent

_FUNCTION = "eventfold_context"
_TRIGGER = f"""
CREATE TEMP TRIGGER IF NOT EXISTS eventfold_note_metadata AFTER INSERT ON main.eventfold_event
WHEN new.metadata IS NULL
BEGIN INSERT INTO eventfold_metadata (position, metadata)
-- LIMIT keeps SQLite from calling it twice
SELECT new.position, said FROM (SELECT {_FUNCTION}() AS said LIMIT 1) WHERE said IS NOT NULL
ON CONFLICT (position) DO NOTHING; END"""
_REACHED = "_eventfold_metadata_trigger"  # on a connection: the raw one that has the trigger for good
_CALLABLE = "_eventfold_metadata_function"  # on a connection: the raw one that has the function

_logger = logging.getLogger("eventfold")


class _Context:
    """What is said, and what can be found out when first needed."""

    __slots__ = ("_find", "_finding", "_given", "_known")

    def __init__(self, given: dict[str, Any], find: Callable[[], dict[str, Any]] | None) -> None:
        self._given = given
        self._find = find
        self._known: tuple[dict[str, Any], str] = ({}, "")
        self._finding: set[int] = set()  # threads: those that work for a request share this

    def values(self) -> dict[str, Any]:
        thread = get_ident()
        if self._find is None or thread in self._finding:
            return self._given
        self._finding.add(thread)  # what is written to find it out has none
        try:
            return {**self._find(), **self._given}
        except Exception:
            _logger.exception("eventfold: the metadata of a request could not be found out; events have none of it")
            return self._given
        finally:
            self._finding.discard(thread)

    def text(self) -> str:
        found = self.values()
        known, text = self._known
        if found != known:  # who is logged in may change within a request
            text = canonical_json(found) if found else ""
            self._known = found, text
        return text

    def with_more(self, more: dict[str, Any]) -> "_Context":
        return _Context({**self._given, **more}, self._find)


_current: ContextVar[_Context | None] = ContextVar("eventfold_metadata", default=None)


@contextmanager
def metadata(**more: Any) -> Iterator[None]:
    """Say of all events that are recorded within the block who did it, and why: `with metadata(user="import"): ...`.

    Values that JSON can say. Blocks nest, and the inner one adds to the outer one. It reaches events that are appended
    and those that triggers record, in this thread or task and those that it waits for; not what other programs write.
    Also a decorator of functions that are no coroutines. Raises InvalidEvent for a value that JSON cannot say.
    """
    canonical_json(more)
    outer = _current.get()
    token = _current.set(_Context(more, None) if outer is None else outer.with_more(more))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def found_when_needed(find: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """Like metadata(), of values that are looked up with each event that is recorded: it may have to ask a database."""
    token = _current.set(_Context({}, find))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def exactly(text: str) -> Iterator[None]:
    """Events within the block have this metadata, JSON or nothing, whatever is said outside."""
    token = _current.set(_Context(json.loads(text), None) if text else None)
    try:
        yield
    finally:
        _current.reset(token)


def is_said() -> bool:
    """Whether anything is said now."""
    return _current.get() is not None


def current_metadata() -> dict[str, Any]:
    """Return what an event that is recorded now would have."""
    context = _current.get()
    return dict(context.values()) if context is not None else {}


def current_text() -> str:
    """Return it as JSON; "" if there is nothing to say."""
    context = _current.get()
    return "" if context is None else context.text()


def merged(given: dict[str, Any] | None) -> str:
    """Return the JSON of what an event has of its own, and around it what is said of all. Raises InvalidEvent."""
    if not given:
        return current_text()
    if not isinstance(given, dict):
        raise InvalidEvent(f"an event's metadata must be a dict, not {given!r}")
    return canonical_json({**current_metadata(), **given})


def reach_triggers(connection: Any) -> None:
    """Let what is said reach events that triggers record on a connection. To be called before a statement writes."""
    if _current.get() is None or connection.__dict__.get(_REACHED) is connection.connection:
        return
    connection.ensure_connection()
    raw = connection.connection
    if raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'eventfold_metadata'").fetchone() is None:
        return
    if connection.__dict__.get(_CALLABLE) is not raw:  # once: SQLite refuses it while rows are read on the connection
        raw.create_function(_FUNCTION, 0, _said)
        connection.__dict__[_CALLABLE] = raw
    raw.execute(_TRIGGER)
    if not raw.in_transaction:  # else a rollback may take the trigger back
        connection.__dict__[_REACHED] = raw


def forget(connection: BaseDatabaseWrapper) -> None:
    """The log may have been made anew, without the trigger."""
    connection.__dict__.pop(_REACHED, None)


def _said() -> str | None:
    return current_text() or None
