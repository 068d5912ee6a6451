"""The past of tracked rows: their events, what they were at a moment, what changed between two, and the way back.

A row's state is built from the nearest event that has all of it (BookCreated, BookExisted; BookDeleted has it as it was
last), forward through the changes after it, or backward through those before: a row that was there before tracking
began is known as far back as its changes reach.
"""

import json
from collections.abc import Callable, Collection
from copy import copy
from typing import Any, NamedTuple

from django.db import connections, router

from eventfold.django.kinds import AnyField
from eventfold.django.tracking import registry
from eventfold.django.tracking.changes import as_python, parts_of, present_names, stored_key
from eventfold.django.tracking.event_types import MASKED, TrackedEvents, events_of, key_slot
from eventfold.django.tracking.moments import Moment, NotRecorded, check_moment, microseconds
from eventfold.django.tracking.registry import tracked_fields
from eventfold.django.transactions import ImmediateAtomic
from eventfold.django.type_fields import TypeFields

_LAST = 2**63 - 1  # no position is beyond it


def as_of(of: Any, when: Moment, using: str | None = None) -> Any:
    """Return a row as it was at a moment: an instance that is not to be saved.

    Excluded and masked fields are deferred: they are not known. Raises the model's DoesNotExist if the row was not
    there then, NotRecorded if the log does not reach so far back.
    """
    check_moment(when)
    if isinstance(of, type):
        raise TypeError(f"as_of() takes a row; within past(when), all of {of.__name__}.objects are as they were")
    model = type(of)._meta.concrete_model
    using = using or of._state.db or router.db_for_read(model)
    values = _values_as_of(model, of.pk, when, using)
    return model.from_db(using, list(values), list(values.values()))


def _values_as_of(model: Any, key: Any, when: Moment, using: str) -> dict[str, Any]:
    """The attributes of a row and, of multi-table inheritance, of its parents."""
    state = state_as_of(model, stored_key(model, key, using), when, using)
    if state is None:
        raise model.DoesNotExist(f"{model._meta.label} {key} was not there at {when}")
    values = _attributes(model, state, using)
    for parent, link in model._meta.parents.items():
        if link is not None and link.model is model and link.attname in values:
            values = _values_as_of(parent, values[link.attname], when, using) | values
    return values


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

    What changes is validated first, as the model is today. Raises what as_of() raises, ValidationError, LogLocked.
    """
    model = type(of)._meta.concrete_model
    using = using or of._state.db or router.db_for_write(model)
    with ImmediateAtomic(using):
        then = as_of(of, to, using)
        present = model._base_manager.using(using).filter(pk=of.pk).first()
        row = present if present is not None else model()
        row._state.db = using
        unchanged = []
        for field in model._meta.concrete_fields:
            known = field.attname in then.__dict__
            value = then.__dict__.get(field.attname)
            if present is not None and (not known or value == _value(row, field)):
                unchanged.append(field.name)
            elif known:
                setattr(row, field.attname, value)
        # `blank` is what a form asks for: the column may be null
        nulls = [field.name for field in model._meta.concrete_fields if field.null and _value(row, field) is None]
        row.clean_fields(exclude=unchanged + nulls)
        row.clean()
        row.validate_unique()
        row.validate_constraints()
        row.save(using=using, force_insert=present is None)
    return row


def _value(row: Any, field: AnyField) -> Any:
    return row.__dict__.get(field.attname)


def state_as_of(model: Any, key: Any, when: Moment, using: str) -> dict[str, Any] | None:
    """Return the JSON values of a row's fields at a moment; None: it was not there. Raises NotRecorded.

    `key` is the row's primary key as a slot of the log has it.
    """
    row = _RowLog(model, key, using)
    imported = row.imported()

    def present() -> dict[str, Any]:
        return _present(model, key, using)

    def began() -> dict[str, Any]:
        return row.when_tracking_began(present)

    name = f"{model._meta.label} {key}"
    if isinstance(when, int) and imported.nearest(TrackedEvents._fields, "position = %s", when, "ASC"):
        return _state(imported, "position", when, imported.whole_until("position", when), began, name, when)
    bound, last = ("position", when) if isinstance(when, int) else ("created", microseconds(when))
    whole = row.whole_until(bound, last)
    if whole is None and row.is_empty_until(bound, last) and not imported.is_empty_until("position", _LAST):
        # what another package recorded was before tracking began, wherever it is in the log
        bound, last = ("occurred_at", last) if bound == "created" else ("position", _LAST)
        return _state(imported, bound, last, imported.whole_until(bound, last), began, name, when)
    return _state(row, bound, last, whole, present, name, when)


def _state(
    row: "_RowLog",
    bound: str,
    last: int,
    whole: "_Recorded | None",
    present: Callable[[], dict[str, Any]],
    name: str,
    when: Moment,
) -> dict[str, Any] | None:
    """The state after the events whose `bound` is at most `last`.

    `whole` is the last of them that has all of the row, and `present` gives what the row is after all of its events.
    """
    if whole is not None:
        if whole.action == "deleted":
            return None
        changes = row.changes(f"position > %s AND {bound} <= %s", whole.position, last)
        return row.defaults | row.merged([whole.data, *changes])["new"]
    first = row.nearest(TrackedEvents._fields, "position > %s", 0, "ASC")
    if first is None:
        raise NotRecorded(
            f"{name}: nothing is recorded of it. If the row is there, it is from before tracking began: run "
            f"`manage.py events bootstrap {name.partition(' ')[0]}`, from then on it is known"
        )
    if row.is_empty_until(bound, last):
        if first.action == "created":
            return None
        raise NotRecorded(
            f"{name}: it was there before tracking began, and is known from position {first.position} on, not at {when}"
        )
    # nothing before has all of the row: back from what has, taking the later changes away
    whole = row.nearest(("existed", "deleted"), f"{bound} > %s", last, "ASC")
    if whole is None:
        # in this order: what is read later may have more changes, which are taken away too
        state = present()
        return state | row.merged(row.changes(f"{bound} > %s", last)[::-1])["old"]
    state = row.merged([whole.data])["old" if whole.action == "deleted" else "new"]
    changes = row.changes(f"{bound} > %s AND position < %s", last, whole.position)
    return row.defaults | state | row.merged(changes[::-1])["old"]


class _Recorded(NamedTuple):
    position: int
    action: str
    data: str


class _RowLog:
    """The events of one row of a tracked model's own table, without those that were imported; or these alone."""

    def __init__(self, model: Any, key: Any, using: str) -> None:
        self._origin = "occurred_at IS NULL"
        self._connection = connections[using]
        self._key = key
        events = events_of(model)
        self._slot = f"slot{key_slot(events.created) + 1}"
        labels = {event._meta.label: action for event, action in zip(events, TrackedEvents._fields, strict=True)}
        marks = ", ".join(["%s"] * len(labels))
        known = self._rows(f"SELECT id, name, fields FROM eventfold_type WHERE name IN ({marks})", *labels)
        self._actions = {type_id: labels[name] for type_id, name, _ in known}
        self._former: dict[str, str] = {}
        self.defaults: dict[str, Any] = {}
        """The JSON values, by field name, of fields that were added after an event that has all of the row."""
        for _, _, text in known:
            fields = TypeFields.load(text)
            self._former |= present_names(fields)
            self.defaults |= {name.removeprefix("new_"): value for name, value in fields.defaults.items()}

    def imported(self) -> "_RowLog":
        """Return what another package recorded of the row, before tracking began (`events import`)."""
        found = copy(self)
        found._origin = "occurred_at IS NOT NULL"
        return found

    def whole_until(self, bound: str, last: int) -> _Recorded | None:
        """Return the last event up to a moment that has all of the row."""
        return self.nearest(("created", "existed", "deleted"), f"{bound} <= %s", last, "DESC")

    def is_empty_until(self, bound: str, last: int) -> bool:
        """Whether there is no event up to a moment."""
        return self.nearest(TrackedEvents._fields, f"{bound} <= %s", last, "DESC") is None

    def when_tracking_began(self, present: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what the row was before its first event."""
        whole = self.nearest(("existed", "deleted"), "position > %s", 0, "ASC")
        if whole is None:
            state, until = present(), _LAST
        else:
            state = self.merged([whole.data])["old" if whole.action == "deleted" else "new"]
            until = whole.position
        return state | self.merged(self.changes("position < %s", until)[::-1])["old"]

    def nearest(self, actions: Collection[str], condition: str, value: int, order: str) -> _Recorded | None:
        """Return the last ("DESC") or first ("ASC") event of these actions."""
        ids = ", ".join(str(type_id) for type_id, action in self._actions.items() if action in actions)
        found = self._rows(
            f"SELECT position, type_id, data FROM eventfold_event WHERE type_id IN ({ids}) AND {self._slot} = %s "
            f"AND {condition} AND {self._origin} ORDER BY position {order} LIMIT 1",
            self._key,
            value,
        )
        return _Recorded(found[0][0], self._actions[found[0][1]], found[0][2]) if found else None

    def changes(self, condition: str, *values: int) -> list[str]:
        """Return the data of the changes, oldest first: of one type, so that the index has them in this order."""
        changed = next((type_id for type_id, action in self._actions.items() if action == "changed"), 0)
        found = self._rows(
            f"SELECT data FROM eventfold_event WHERE type_id = {changed} AND {self._slot} = %s AND {condition} "
            f"AND {self._origin} ORDER BY position",
            self._key,
            *values,
        )
        return [data for (data,) in found]

    def merged(self, datas: list[str]) -> dict[str, dict[str, Any]]:
        """Return what events say before ("old") and after ("new"); of several, what the last one says."""
        found: dict[str, Any] = {}
        for data in json.loads(f"[{','.join(datas)}]"):  # one call is several times as fast
            if self._former:
                data = {self._former.get(name, name): value for name, value in data.items()}
            found.update(data)
        return parts_of(found, {})

    def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())


def _present(model: Any, key: Any, using: str) -> dict[str, Any]:
    """The row as it is now, as an event would say it."""
    from eventfold.django.tracking.install import key_value, row_json

    connection = connections[using]
    where = key_value(model, events_of(model).created)("t")
    sql = f"SELECT {row_json(connection, model)} FROM main.{connection.ops.quote_name(model._meta.db_table)} AS t"
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} WHERE {where} = ".replace("%", "%%") + "%s", [key])
        row = cursor.fetchone()
    if row is None:
        raise NotRecorded(f"{model._meta.label} {key}: it is gone, and nothing recorded has all of it")
    return parts_of(json.loads(row[0]), {})["new"]


def _attributes(model: Any, state: dict[str, Any], using: str) -> dict[str, Any]:
    """JSON values by field name as attributes of an instance."""
    tracking = registry.tracking_of(model)
    assert tracking is not None
    return {
        field.attname: as_python(field, state[field.name], using)
        for field in tracked_fields(model, tracking)
        if field.name in state and field.name not in tracking.mask and state[field.name] != MASKED
    }
