"""Django's loaddata, for fixtures with events: an event is recorded once, in the order of its position.

dumpdata writes events as objects of their classes, one class after the other. Here they are collected, and appended
when all fixtures are read, so that the log has them in their old order.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.core import serializers
from django.core.management.commands import loaddata
from django.db import connections, router
from django.utils.timezone import is_naive, make_aware

from eventfold import _core
from eventfold.django import read_model_state
from eventfold.django.constants import is_event_model
from eventfold.django.gate import native
from eventfold.django.plan import plan_of

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


class Command(loaddata.Command):
    """Where an event's position was not given out yet, as in a new database, it gets the same one again, and its time.

    An event that the log has at its position already is left as it is; loaded again, none is recorded twice. Events are
    neither validated nor folded, and no receiver is called: read models are marked as due for a replay.
    """

    def loaddata(self, fixture_labels: Sequence[str]) -> None:
        self._events: list[Any] = []
        super().loaddata(fixture_labels)
        if self._events:
            load_events(self._events, self.using)

    def save_obj(self, obj: Any) -> bool:
        event = obj.object
        if not is_event_model(type(event)):
            return super().save_obj(obj)
        if event._meta.app_config in self.excluded_apps or type(event) in self.excluded_models:
            return False
        if not router.allow_migrate_model(self.using, type(event)):
            return False
        self._events.append(event)
        return True


def load_events(events: list[Any], alias: str) -> None:
    """Append events of a fixture, whose `position` and `created` are those of the log that it was dumped from."""
    log = _Log(alias)
    recorded = _recorded_at_the_same_positions(events, alias)
    for event in sorted(events, key=lambda event: (event.pk is None, event.pk or 0)):
        text = _text(event)
        event_id = uuid5(NAMESPACE_URL, f"eventfold:fixture:{text}")
        if (event.pk in recorded and _text(recorded[event.pk]) == text) or log.has(event_id):
            continue
        log.append(event, event_id)
    if log.times:
        log.write_times()
        read_model_state.mark_due(alias)


class _Log:
    """What appending has no say in: positions and times."""

    def __init__(self, alias: str) -> None:
        self._connection = connections[alias]
        self.times: list[tuple[int, datetime | None]] = []
        (self._last_created,) = self._one("SELECT last_created FROM eventfold_head")

    def has(self, event_id: UUID) -> bool:
        return self._one("SELECT 1 FROM eventfold_request WHERE key = %s", [event_id.bytes]) is not None

    def append(self, event: Any, event_id: UUID) -> None:
        """Append at the event's own position, unless that was given out; the id lets it be recorded once."""
        if event.pk is not None:
            self._run(
                "UPDATE eventfold_header SET head = %s, stamp = random() WHERE head < %s", [event.pk - 1, event.pk - 1]
            )
        plan = plan_of(type(event))
        batch = plan.encode_unchecked([event], [event.__dict__], "", [event_id.bytes])
        appended = native(self._connection, plan.insert_sql, _core.Log.append, batch, keeps_folded=True)
        self.times.append((appended.first, event.created))

    def write_times(self) -> None:
        """Give loaded events the time they had, as long as time does not run backward by that; else note it aside."""
        last = self._last_created
        self._run("INSERT INTO eventfold_unlocked VALUES ('loaddata')")
        for position, created in self.times:
            (now,) = self._one("SELECT created FROM eventfold_event WHERE position = %s", [position])
            moment = now if created is None else _microseconds(created)
            if last <= moment <= now:
                last = moment
                self._run("UPDATE eventfold_event SET created = %s WHERE position = %s", [moment, position])
            else:
                last = now
                self._run("UPDATE eventfold_event SET occurred_at = %s WHERE position = %s", [moment, position])
        self._run("DELETE FROM eventfold_unlocked")
        self._run("UPDATE eventfold_header SET last_created = %s, stamp = random()", [last])

    def _one(self, sql: str, parameters: list[Any] | None = None) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchone()

    def _run(self, sql: str, parameters: list[Any] | None = None) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)


def _text(event: Any) -> str:
    """What a fixture says of an event. Times lose their microseconds in it, so only texts can be compared."""
    # the first millisecond of a second is written as .000, and read back it is nothing
    return re.sub(r'\.000(?=Z?")', "", serializers.serialize("json", [event]))


def _microseconds(moment: datetime) -> int:
    aware = make_aware(moment) if is_naive(moment) else moment
    return (aware - _EPOCH) // _MICROSECOND


def _recorded_at_the_same_positions(events: list[Any], alias: str) -> dict[int, Any]:
    positions: dict[Any, list[int]] = {}
    for event in events:
        if event.pk is not None:
            positions.setdefault(type(event), []).append(event.pk)
    found: dict[int, Any] = {}
    for model, wanted in positions.items():
        found.update(model._base_manager.using(alias).in_bulk(wanted))
    return found
