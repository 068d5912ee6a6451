"""What the log knows of an event beside its fields, position and time."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections

from eventfold import _core
from eventfold.django.gate import native
from eventfold.errors import InvalidEvent

_READ = 'SELECT event_id, stream, version, metadata FROM "eventfold_event"'


@dataclass
class Recorded:
    """Set `event_id` and `metadata` before the event is saved, if you like; the log answers with all of it after.

    An `event_id` of your own makes the append idempotent: saved again, an event with this id is not recorded twice.
    `stream` and `version` (the event's number in its stream, from 1) are None where the class has no Stream.
    """

    event_id: UUID | None = None
    stream: str | None = None
    version: int | None = None
    metadata: dict[str, Any] | None = None


def read_recorded(using: str, position: int) -> Recorded | None:
    """Ask the log, by one query. None: it has no such position, since the transaction was rolled back."""
    row = read_event(using, position)
    if row is None:
        return None
    return Recorded(UUID(bytes=row[1]), row[4], row[5], json.loads(row[7]) if row[7] else None)


def read_event(using: str, position: int) -> tuple[Any, ...] | None:
    """Return what Log.read gives for one position: (position, id, type, data, stream, version, created, metadata)."""
    rows = native(connections[using], _READ, _core.Log.read, after=position - 1, until=position)
    return rows[0] if rows else None


def as_recorded(value: Any) -> Recorded:
    """Return what a caller gave as `recorded`: one of these, or a dict with the same keys."""
    if isinstance(value, dict):
        value = Recorded(**value)
    if not isinstance(value, Recorded):
        raise TypeError(f"recorded must be a Recorded or a dict, not {value!r}")
    return value


def id_bytes(recorded: Recorded) -> bytes | None:
    """Return the 16 bytes of the id that the caller chose, or None. Raises InvalidEvent for what is no UUID."""
    event_id: Any = recorded.event_id
    if event_id is None:
        return None
    try:
        return (event_id if isinstance(event_id, UUID) else UUID(event_id)).bytes
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidEvent(f"an event's id must be a UUID, not {event_id!r}") from error
