"""What follows from recorded changes of tracked tables: their receivers are called, and their translations."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from eventfold import _core
from eventfold.django import save
from eventfold.django.connection import present_log
from eventfold.django.events import Event
from eventfold.django.metadata_context import current_text, exactly, is_said
from eventfold.django.plan import plan_of
from eventfold.django.tracking.event_types import TrackedEvent
from eventfold.django.tracking.listeners import listened, tell
from eventfold.django.tracking.translate import TranslationError
from eventfold.django.tracking.translated import (
    TranslatedField,
    TranslatedModel,
    beginnings,
    compiled_for,
    translated_models,
)
from eventfold.errors import ImmutableEvent, InvalidEvent

_MOST_ROUNDS = 100
_NOTHING = nullcontext()
_decode = json.JSONDecoder().raw_decode  # no white space is around what a trigger wrote


class Wanted(NamedTuple):
    """Which events of a database are followed."""

    changes: _core.WantedChanges
    listened: frozenset[Any]
    listeners: dict[int, Any]
    """Event types that somebody listens to, by number."""
    models: dict[int, TranslatedModel]
    types: int | None
    """How many types the log knew, if some were not among them: another process may yet migrate."""


def wanted_on(connection: Any) -> Wanted | None:
    """Return what is followed on a database; None for nothing. Raises LogNotFound where there is no log."""
    listening = listened()
    known = _wanted.get(connection.alias)
    if known is not None and known.listened is listening and known.types is None:
        return known if known.listeners or known.models else None
    present_log(connection).log.head()  # else a statement below fails
    if known is not None and known.listened is listening and known.types == _count_types(connection):
        return known if known.listeners or known.models else None
    models = compiled_for(connection.alias)
    ids = connection.connection.execute("SELECT name, id FROM eventfold_type").fetchall()
    listeners = {type_id: event for name, type_id in ids for event in listening if event._meta.label == name}
    members: dict[Any, list[str]] = {}
    for type_id, model in models.items():
        if (names := model.members_of(type_id)) is not None:
            members[type_id] = names
    for type_id in listeners:
        members[type_id] = []
    some = bool(members)
    members.setdefault(0, [])  # a type that is none: there must be one
    are_all = len(listeners) == len(listening) and {model.model for model in models.values()} == translated_models()
    changes = _core.WantedChanges(members)
    made = Wanted(changes, listening, listeners, models, None if are_all else len(ids))
    _wanted[connection.alias] = made
    return made if some else None


def _count_types(connection: Any) -> int:
    (count,) = connection.connection.execute("SELECT count(*) FROM eventfold_type").fetchone()
    return int(count)


_wanted: dict[str, Wanted] = {}


def forget() -> None:
    """Look again: classes, or what the database knows of types, have changed."""
    _wanted.clear()


def follow(connection: Any, wanted: Wanted, rows: list[Any], after: int, looked: int, until: Callable[[], int]) -> bool:
    """Call receivers and translations of the events after a position, of which `rows`, up to `looked`, are read.

    They may change tracked tables themselves, so `until` is asked again for the last position. Returns whether what
    followed was appended, which says that all before it was seen. Raises TranslationError, and whatever a receiver
    raises.
    """
    last = folded = until()
    rounds = 0
    appended = False
    while True:
        if rows and wanted.listeners:
            _tell(connection.alias, wanted, rows)
        if rows and wanted.models and _translate(connection, wanted.models, rows, after, last, folded):
            appended = True
        if looked >= last:
            last = until()
            if looked < last:
                # what a receiver took back had positions too, and they are given out again
                last = min(last, present_log(connection).log.head())
            if looked >= last:
                return appended
            rounds += 1
            if rounds > _MOST_ROUNDS:
                raise TranslationError(
                    f"Translations and receivers of tracked events went on changing tracked tables, {_MOST_ROUNDS} "
                    f"times over; the last change is at position {last}"
                )
        after = looked
        rows, looked = present_log(connection).log.changes(wanted.changes, after, last)


def _tell(using: str, wanted: Wanted, rows: list[Any]) -> None:
    positions: dict[Any, list[int]] = {}
    said: dict[int, str | None] = {}
    for position, type_id, _, metadata in rows:
        if type_id in wanted.listeners:
            positions.setdefault(wanted.listeners[type_id], []).append(position)
            said[position] = metadata
    found: list[Any] = []
    for event, of_type in positions.items():
        found += event._base_manager.using(using).filter(position__gte=of_type[0], position__lte=of_type[-1])
    for event in sorted(found, key=lambda event: event.position):
        if event.position in said:
            with _saying(said[event.position]):
                tell(event, using)


def _saying(metadata: str | None) -> AbstractContextManager[None]:
    """What follows from a change has the metadata of the change: another program may have made it."""
    return _NOTHING if (metadata or "") == current_text() else exactly(metadata or "")


def _translate(
    connection: Any, models: dict[int, TranslatedModel], rows: list[Any], after: int, until: int, folded: int
) -> bool:
    since = beginnings(connection)
    gone = _deleted(connection, models, after, until) if until - after > 1 else set()
    made = _made(connection, models, since, gone, rows, until)
    return bool(made) and _append(connection, made, folded)


class _Made(NamedTuple):
    """An event that a translation made, and the metadata of its change."""

    event: Any
    metadata: str
    field: TranslatedField


def _made(
    connection: Any,
    models: dict[int, TranslatedModel],
    since: dict[str, int],
    gone: set[tuple[Any, Any]],
    rows: list[Any],
    until: int,
) -> list[_Made]:
    made: list[_Made] = []
    changed: dict[str, bool] = {}
    for position, type_id, text, metadata in rows:
        model = models.get(type_id)
        if model is None:
            continue
        action = model.actions[type_id]
        data, _ = _decode(text)
        row = None
        for field in model.fields:
            found = field.change_in(data, action)
            if found is None or position <= since[field.label]:
                continue
            if action == "existed":
                if field.label not in changed:  # asked once: mostly there is nothing, and then no row need be asked
                    changed[field.label] = _has_changes(connection, model, since[field.label], until)
                if changed[field.label] and _is_translated(connection, model, field, since[field.label], position):
                    continue
            if row is None:
                key = data["key"]
                row = model.past_row(key, position) if gone and (model.model, key) in gone else model.row(key)
            if metadata is None and not is_said():
                result = _call(field, row, *found, position)
            else:
                with _saying(metadata):
                    result = _call(field, row, *found, position)
            if result:
                made += [_Made(event, metadata or "", field) for event in result]
    return made


def _call(field: TranslatedField, row: Any, old: Any, new: Any, position: int) -> list[Any] | None:
    try:
        result = field.function(row, field.read(old), field.read(new))
        return None if result is None else _events(result)
    except Exception as error:
        raise _failure([field], f"{row._meta.label} {row.pk}, position {position}", error) from error


def _events(result: Any) -> list[Any]:
    events = [result] if isinstance(result, Event) else list(result) if isinstance(result, Iterable) else [None]
    for event in events:
        if not isinstance(event, Event) or isinstance(event, TrackedEvent) or event.position is not None:
            raise TypeError(f"it must return a new event, several, or None, not {result!r}")
    return events


def _append(connection: Any, made: list[_Made], folded: int) -> bool:
    """Append events in order, those of one class and origin together; return whether the last are new to the log."""
    savepoint = not connection.in_atomic_block  # within one, what fails here takes the whole back
    run = made
    for (cls, metadata), group in [(_class_and_origin(made[0]), made)] if len(made) == 1 else _runs(made):
        run = group
        events = [each.event for each in run]
        try:
            with _saying(metadata):
                if plan_of(cls).plain_save:
                    save.append_on(connection, cls, events, savepoint=savepoint, folded=folded)
                else:
                    for event in events:
                        event.save(using=connection.alias)
        except (ValidationError, InvalidEvent, ImmutableEvent) as error:
            raise _failure([each.field for each in run], f"an event that it made, {cls._meta.label}", error) from error
    appended = run[-1].event.__dict__.get("_appended")
    return appended is not None and not appended.repeated


def _runs(made: list[_Made]) -> Iterator[tuple[tuple[Any, str], list[_Made]]]:
    for key, group in groupby(made, _class_and_origin):
        yield key, list(group)


def _class_and_origin(made: _Made) -> tuple[Any, str]:
    return type(made.event), made.metadata


def _failure(fields: Iterable[TranslatedField], what: str, error: Exception) -> TranslationError:
    said = sorted({f"{field.function_name}, which translates {field.label}" for field in fields})
    return TranslationError(f"{'; '.join(said)}, failed for {what}: {type(error).__name__}: {error}")


def _deleted(connection: Any, models: dict[int, TranslatedModel], after: int, until: int) -> set[tuple[Any, Any]]:
    """Rows that are gone by now: what a translation asks of them is in the log only."""
    types = [type_id for type_id, model in models.items() if model.actions[type_id] == "deleted"]
    sql = (
        "SELECT type_id, data FROM eventfold_event WHERE position > ? AND position <= ? "
        f"AND +type_id IN ({', '.join(map(str, types))})"
    )
    rows = connection.connection.execute(sql, (after, until))
    return {(models[type_id].model, json.loads(data)["key"]) for type_id, data in rows}


def _has_changes(connection: Any, model: TranslatedModel, since: int, until: int) -> bool:
    sql = "SELECT 1 FROM eventfold_event WHERE type_id = ? AND position > ? AND position <= ? LIMIT 1"
    return connection.connection.execute(sql, (model.changed, since, until)).fetchone() is not None


def _is_translated(connection: Any, model: TranslatedModel, field: TranslatedField, since: int, position: int) -> bool:
    """Whether a row that existed before has had a change of the field that was translated already."""
    sql = (
        "SELECT data FROM eventfold_event WHERE type_id = ? AND position > ? AND position < ? "
        f"AND {model.slot} = (SELECT {model.slot} FROM eventfold_event WHERE position = ?)"
    )
    rows = connection.connection.execute(sql, (model.changed, since, position, position))
    return any(field.change_in(json.loads(data), "changed") for (data,) in rows)
