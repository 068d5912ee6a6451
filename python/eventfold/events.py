"""An event before (NewEvent) and after (RecordedEvent) it was recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


class NewEvent(NamedTuple):
    """An event to append.

    An `id` of your own makes the append idempotent: the log records it once.
    """

    type: str
    data: dict[str, Any]
    stream: str | None = None
    id: UUID | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as the log holds it.

    `position` is its place in the whole log, `version` its place in its stream, both from 1. `created` is aware, in
    UTC, and never decreases with the position.
    """

    position: int
    id: UUID
    type: str
    data: Mapping[str, Any]
    stream: str | None
    version: int | None
    created: datetime
    metadata: Mapping[str, Any] | None
