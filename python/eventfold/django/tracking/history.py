"""The past of tracked rows: their events, what they were at a moment, what changed between two, and the way back.

A row's state is built from the nearest event that has all of it (BookCreated, BookExisted; BookDeleted has it as it was
last), forward through the changes after it, or backward through those before: a row that was there before tracking
began is known as far back as its changes reach.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from django.db import connections, router, transaction

from eventfold.django.kinds import AnyField, kind_of
from eventfold.django.tracking import registry
from eventfold.django.tracking.event_types import MASKED, TrackedEvents, events_of, key_parts, key_slot
from eventfold.django.tracking.recorded_fields import recorded_as
from eventfold.django.tracking.registry import tracked_fields
from eventfold.django.type_fields import TypeFields
from eventfold.errors import EventfoldError

Moment = datetime | int
"""A time (aware, or naive where USE_TZ is False), or a position of the log."""


class NotRecorded(EventfoldError):
    """The log does not reach back to this moment: tracking began later, or the row is not known."""


class Change:
    """One event of a row's history, read straight from the log."""

    __slots__ = ("action", "created", "data", "metadata", "position")

    def __init__(self, position: int, created: int, action: str, data: dict[str, Any], metadata: str | None) -> None:
        self.position = position
        self.created = datetime.fromtimestamp(created // 1_000_000, timezone.utc).replace(
            microsecond=created % 1_000_000
        )
        self.action = action
        self.data = data
        self.metadata = json.loads(metadata) if metadata else {}

    def part(self, prefix: str) -> dict[str, Any]:
        """The values before ("old") or after ("new"), as JSON, by field name."""
        start = len(prefix) + 1
        return {name[start:]: value for name, value in self.data.items() if name.startswith(f"{prefix}_")}


def history(of: Any, using: str | None = None) -> list[Change]:
    """Return the changes of a row, newest first. Raises LookupError if its model is not tracked."""
    model = type(of)._meta.concrete_model
    return changes_of(model, of.pk, using or of._state.db or router.db_for_read(model))[::-1]


def as_of(of: Any, when: Moment, using: str | None = None) -> Any:
    """Return a row as it was at a moment: an instance that is not to be saved.

    Excluded and masked fields are deferred: they are not known. Raises the model's DoesNotExist if the row was not
    there then, NotRecorded if the log does not reach so far back.
    """
    model = type(of)._meta.concrete_model
    using = using or of._state.db or router.db_for_read(model)
    values: dict[str, Any] = {}
    for table in _tables(model):
        state = state_as_of(table, of.pk, when, using)
        if state is None:
            raise model.DoesNotExist(f"{model._meta.label} {of.pk} was not there at {when}")
        values |= _attributes(table, state, using)
    return model.from_db(using, list(values), list(values.values()))


def diff(of: Any, since: Moment, until: Moment, using: str | None = None) -> dict[str, tuple[Any, Any]]:
    """Return what differs in a row between two moments: field name to (value then, value later)."""
    before, after = as_of(of, since, using), as_of(of, until, using)
    names = [name for name in before.__dict__ if name != "_state" and name in after.__dict__]
    return {
        name: (before.__dict__[name], after.__dict__[name])
        for name in names
        if before.__dict__[name] != after.__dict__[name]
    }


def revert(of: Any, to: Moment, using: str | None = None) -> Any:
    """Save a row as it was at a moment, which is one more change; a deleted row comes back. Return it.

    It is validated first, as the model is today. Raises what as_of() raises, and ValidationError.
    """
    model = type(of)._meta.concrete_model
    using = using or of._state.db or router.db_for_write(model)
    then = as_of(of, to, using)
    with transaction.atomic(using=using):
        present = model._base_manager.using(using).filter(pk=of.pk).first()
        row = present if present is not None else model()
        for name, value in then.__dict__.items():
            if name != "_state":
                setattr(row, name, value)
        row.full_clean(validate_unique=present is None)
        row.save(using=using, force_insert=present is None)
    return row


def changes_of(model: Any, key: Any, using: str) -> list[Change]:
    """Return the changes of one row of a tracked model's own table, oldest first."""
    events = events_of(model)
    slot = f"slot{key_slot(events.created) + 1}"
    labels = {event._meta.label: action for event, action in zip(events, TrackedEvents._fields, strict=True)}
    marks = ", ".join(["%s"] * len(labels))
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT id, name, fields FROM eventfold_type WHERE name IN ({marks})", list(labels))
        known = cursor.fetchall()
        actions = {type_id: labels[name] for type_id, name, _ in known}
        if not actions:
            return []
        wanted = ", ".join(map(str, actions))
        cursor.execute(
            "SELECT position, created, type_id, data, coalesce(e.metadata, (SELECT m.metadata FROM eventfold_metadata "
            f"AS m WHERE m.position = e.position)) FROM eventfold_event AS e WHERE type_id IN ({wanted}) "
            f"AND {slot} = %s ORDER BY position",
            [stored_key(model, key, using)],
        )
        rows = cursor.fetchall()
    datas = json.loads(f"[{','.join(row[3] for row in rows)}]")  # one call: an object each costs several times as much
    renamed = _renamed(fields for _, _, fields in known)
    if renamed:
        datas = [{renamed.get(name, name): value for name, value in data.items()} for data in datas]
    return [
        Change(position, created, actions[type_id], data, metadata)
        for (position, created, type_id, _, metadata), data in zip(rows, datas, strict=True)
    ]


def _renamed(texts: Iterable[str]) -> dict[str, str]:
    """The present names of fields by those that they had before."""
    known = [TypeFields.load(text) for text in texts]
    return {former: name for fields in known for name, keys in fields.former_keys.items() for former in keys}


def stored_key(model: Any, key: Any, using: str) -> Any:
    """Return a primary key as the log's slot column holds it."""
    stored = _stored_parts(model, key, using)
    if len(stored) == 1:
        return str(stored[0]) if kind_of(events_of(model).created._meta.get_field("key")) == "text" else stored[0]
    return json.dumps(stored, separators=(",", ":"), ensure_ascii=False)


def _stored_parts(model: Any, key: Any, using: str) -> list[Any]:
    """A primary key as the columns of the table hold it."""
    parts = key_parts(model)
    values = key if len(parts) > 1 else (key,)
    return [part.get_db_prep_value(value, connections[using]) for part, value in zip(parts, values, strict=True)]


def state_as_of(model: Any, key: Any, when: Moment, using: str) -> dict[str, Any] | None:
    """Return the JSON values of a row's fields at a moment; None: it was not there."""
    changes = changes_of(model, key, using)
    until = sum(1 for change in changes if _is_until(change, when))
    if not changes:
        raise NotRecorded(f"{model._meta.label} {key}: nothing is recorded of it")
    if until == 0 and changes[0].action == "created":
        return None
    if until == 0:
        raise NotRecorded(
            f"{model._meta.label} {key}: its first event is at {changes[0].created}, after {when}; it was there before"
        )
    for index in range(until - 1, -1, -1):
        if changes[index].action == "deleted":
            return None
        if changes[index].action in ("created", "existed"):
            return _forward(changes[index:until])
    for index in range(until, len(changes)):
        if changes[index].action in ("deleted", "existed"):
            return _backward(
                changes[index].part("old" if changes[index].action == "deleted" else "new"), changes[until:index]
            )
    return _backward(_present(model, key, using), changes[until:])


def _is_until(change: Change, when: Moment) -> bool:
    if isinstance(when, int):
        return change.position <= when
    if when.tzinfo is None:
        when = when.astimezone()
    return change.created <= when


def _forward(changes: list[Change]) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for change in changes:
        state.update(change.part("new"))
    return state


def _backward(state: dict[str, Any], changes: list[Change]) -> dict[str, Any]:
    for change in reversed(changes):
        state.update(change.part("old"))
    return state


def _present(model: Any, key: Any, using: str) -> dict[str, Any]:
    """The row as it is now, as an event would say it."""
    from eventfold.django.tracking.install import row_json

    connection = connections[using]
    sql = row_json(connection, model).replace("%", "%%")  # of printf(), not of parameters
    with connection.cursor() as cursor:
        where = " AND ".join(f"{connection.ops.quote_name(str(part.column))} = %s" for part in key_parts(model))
        cursor.execute(
            f"SELECT {sql} FROM {connection.ops.quote_name(model._meta.db_table)} AS t WHERE {where}",
            _stored_parts(model, key, using),
        )
        row = cursor.fetchone()
    if row is None:
        raise NotRecorded(f"{model._meta.label} {key}: it is gone, and nothing recorded has all of it")
    found: dict[str, Any] = json.loads(row[0])
    return {name.removeprefix("new_"): value for name, value in found.items() if name != "key"}


def _tables(model: Any) -> list[Any]:
    """The model and its parents of multi-table inheritance, parents first."""
    return [*(parent for parent in model._meta.all_parents[::-1] if not parent._meta.abstract), model]


def _attributes(model: Any, state: dict[str, Any], using: str) -> dict[str, Any]:
    """JSON values by field name as attributes of an instance."""
    tracking = registry.tracking_of(model)
    assert tracking is not None
    found = {}
    for field in tracked_fields(model, tracking):
        if field.name in state and field.name not in tracking.mask:
            found[field.attname] = _python_value(field, state[field.name], using)
    return found


def _python_value(field: AnyField, value: Any, using: str) -> Any:
    from eventfold.django.event_reader import value_reader

    if value is None or value == MASKED:
        return None
    return value_reader(recorded_as(field), using)(value)
