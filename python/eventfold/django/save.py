"""Appending the events of Django: the fastest path that receivers allow, within one transaction."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import copy
from datetime import datetime, timedelta, timezone
from itertools import groupby
from typing import Any

from django.db import connections, router
from django.db.models.signals import post_save, pre_save

from eventfold import _core
from eventfold.django.gate import native
from eventfold.django.metadata_context import current_text, merged
from eventfold.django.plan import Plan, plan_of
from eventfold.django.receivers import has_receivers
from eventfold.django.recorded import Recorded, id_bytes, read_event
from eventfold.django.transactions import ImmediateAtomic
from eventfold.django.unmigrated import check_view
from eventfold.errors import ImmutableEvent, InvalidEvent

ANY_VERSION = -1

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NOTHING = nullcontext()


def before_append(connection: Any) -> AbstractContextManager[None] | None:
    """Return the transaction in which an append must happen, if any; tracking/inline.py puts another one in place."""
    return None


def _append(
    log: _core.Log,
    connection: Any,
    plan: Plan,
    batch: _core.Batch,
    request: str,
    expected_version: int,
    fold: bool = True,
    submitted: _core.Batch | None = None,
    savepoint: bool = True,
    folded: int = 0,
) -> _core.Appended:
    """The native call itself, behind the gate."""
    borrowed = connection.__dict__["_eventfold"]
    if plan not in borrowed.checked:
        check_view(borrowed.raw, connection.alias, plan.model)
        borrowed.checked.add(plan)
    read_models = plan.compiled_for(connection.alias) if fold else None
    return log.append(
        batch,
        request=request,
        expected_version=expected_version,
        read_models=read_models,
        submitted=submitted,
        keeps_folded=True,
        savepoint=savepoint,
        folded=folded,
    )


def create(
    model: Any,
    values: dict[str, Any],
    using: str | None,
    hints: dict[str, Any],
    request: str = "",
    expected_version: int = ANY_VERSION,
) -> Any:
    """Make an event, append it and return it."""
    event = model(**values)
    if using is None:
        using = router.db_for_write(model, **hints)
    if plan_of(model).plain_save:
        append(model, [event], using, request, expected_version)
    elif request or expected_version != ANY_VERSION:
        raise TypeError(
            f"{model._meta.label} has a save() of its own, which knows nothing of idempotent() and expect_version(); "
            "use bulk_create([event])"
        )
    else:
        event.save(force_insert=True, using=using)
    return event


def bulk_create(model: Any, events: list[Any], using: str, request: str, expected_version: int) -> None:
    """Append events of one class, all or none."""
    for event in events:
        if type(event) is not model and type(event)._meta.concrete_model is not model._meta.concrete_model:
            raise TypeError(f"{model._meta.label}: bulk_create() takes events of this class, not {event!r}")
    if events:
        append(model, events, using, request, expected_version)


def append(cls: Any, events: list[Any], using: str, request: str = "", expected_version: int = ANY_VERSION) -> None:
    """Append new events, all or none, and tell their receivers.

    Raises ImmutableEvent if one is recorded already, ValidationError, InvalidEvent, and what receivers raise.
    """
    append_on(connections[using], cls, events, request, expected_version)


def append_on(
    connection: Any,
    cls: Any,
    events: list[Any],
    request: str = "",
    expected_version: int = ANY_VERSION,
    *,
    savepoint: bool = True,
    folded: int = 0,
) -> None:
    """As append(). `savepoint` may be False where the caller takes its whole transaction back if this fails; `folded`
    is up to where read models have seen every event, if the log does not say so yet.

    Raises ImmutableEvent if one is recorded already, ValidationError, InvalidEvent, and what receivers raise.
    """
    plan = plan_of(cls)
    using = connection.alias
    values = [event.__dict__ for event in events]
    given = False
    for own in values:
        if own["position"] is not None:
            _renew(cls, own, using)
        if "_given" in own:
            given = True
    completed = (request or given) and plan.pre_save_fields  # after what was submitted, as by a receiver
    with (None if folded else before_append(connection)) or _NOTHING:
        if completed or has_receivers(cls) or plan.has_python_handlers(plan.model):
            _append_with_receivers(cls, plan, connection, events, values, given, request, expected_version)
        elif given:
            _append_given(plan, connection, events, values, request, expected_version)
        else:
            batch = plan.encode(events, values, current_text(), None)
            appended = native(
                connection,
                plan.insert_sql,
                _append,
                connection,
                plan,
                batch,
                request,
                expected_version,
                savepoint=savepoint,
                folded=folded,
            )
            _mark(plan, values, appended, using)


def append_without_receivers(event: Any, using: str) -> None:
    """Append one event, validated; for callers that send the signals themselves."""
    connection = connections[using]
    with before_append(connection) or _NOTHING:
        _append_given(plan_of(type(event)), connection, [event], [event.__dict__], "", ANY_VERSION)


def append_raw(event: Any, using: str) -> None:
    """Append one event as loaddata has it: not validated, and folded only by the next replay.

    One that the log has already, at the same position with the same content, is left as it is.
    """
    plan = plan_of(type(event))
    own = event.__dict__
    batch = plan.encode_unchecked([event], [own], "", None)
    if own["position"] is not None:
        row = read_event(using, own["position"])
        if row is not None and row[2] == plan.label and row[3] == batch.data(0):
            return
    connection = connections[using]
    appended = native(connection, plan.insert_sql, _append, connection, plan, batch, "", ANY_VERSION, fold=False)
    _mark(plan, [own], appended, using)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET due = 1 WHERE due = 0")


def _append_with_receivers(
    cls: Any,
    plan: Plan,
    connection: Any,
    events: list[Any],
    values: list[dict[str, Any]],
    given: bool,
    request: str,
    expected_version: int,
) -> None:
    using = connection.alias
    # A repetition is known by what was submitted: a receiver may complete it, with the time for example.
    submitted = [copy(event) for event in events] if request or given else []
    try:
        with ImmediateAtomic(using):
            repeated = (request or given) and _is_repeated(connection, values, request)
            if not repeated:
                for event in events:
                    pre_save.send(sender=cls, instance=event, raw=False, using=using, update_fields=None)
            repeated = _append_given(
                plan, connection, events, values, request, expected_version, submitted, repeated=repeated
            )
            if not repeated:
                for event in events:
                    post_save.send(sender=cls, instance=event, created=True, raw=False, using=using, update_fields=None)
    except BaseException:
        for own in values:
            _unmark(own)
        raise


def _append_given(
    plan: Plan,
    connection: Any,
    events: list[Any],
    values: list[dict[str, Any]],
    request: str,
    expected_version: int,
    submitted: list[Any] | None = None,
    *,
    repeated: bool = False,
) -> bool:
    """Append events of which some may have an id or metadata of the caller's; return whether they were repeated.

    `submitted`: the events as they were before receivers saw them. `repeated`: they are known to be recorded, so that
    they are compared, not validated.
    """
    runs = [_run(events, values)] if request or len(events) == 1 else list(_runs(events, values))
    if len(runs) == 1:
        return _append_run(plan, connection, *runs[0], request, expected_version, submitted, repeated)
    if expected_version != ANY_VERSION:
        raise InvalidEvent(f"{plan.label}: expect_version() needs a batch in which all events have the same metadata")
    with ImmediateAtomic(connection.alias):
        start = 0
        found = []
        for run in runs:
            part = submitted and submitted[start : start + len(run[0])]
            found.append(_append_run(plan, connection, *run, request, expected_version, part, repeated))
            start += len(run[0])
    return all(found)


def _append_run(
    plan: Plan,
    connection: Any,
    events: list[Any],
    values: list[dict[str, Any]],
    metadata: str,
    ids: list[bytes] | None,
    request: str,
    expected_version: int,
    submitted: list[Any] | None,
    repeated: bool,
) -> bool:
    compared = None
    if submitted:
        with suppress(InvalidEvent):  # incomplete without the receivers: then what they make of it is compared
            compared = plan.encode_unchecked(submitted, [event.__dict__ for event in submitted], metadata, ids)
    batch = compared if repeated and compared else plan.encode(events, values, metadata, ids)
    appended = native(
        connection,
        plan.insert_sql,
        _append,
        connection,
        plan,
        batch,
        request,
        expected_version,
        submitted=compared,
    )
    _mark(plan, values, appended, connection.alias)
    return appended.repeated


_Run = tuple[list[Any], list[dict[str, Any]], str, list[bytes] | None]


def _runs(events: list[Any], values: list[dict[str, Any]]) -> Iterator[_Run]:
    """One native append takes one metadata, and an id for each event or for none: split where that changes."""
    pairs = zip(events, values, strict=True)
    for _, group in groupby(pairs, lambda pair: (_metadata(pair[1]), _event_id(pair[1]) is None)):
        part = list(group)
        yield _run([event for event, _ in part], [own for _, own in part])


def _run(events: list[Any], values: list[dict[str, Any]]) -> _Run:
    metadata = {_metadata(own) for own in values}
    ids = [_event_id(own) for own in values]
    chosen = [event_id for event_id in ids if event_id is not None]
    if len(metadata) > 1 or len(chosen) not in (0, len(ids)):
        raise InvalidEvent("with a request key, all events must have the same metadata, and all an id or none")
    return events, values, metadata.pop(), chosen or None


def _metadata(own: dict[str, Any]) -> str:
    given: Recorded | None = own.get("_given")
    return merged(None if given is None else given.metadata)


def _event_id(own: dict[str, Any]) -> bytes | None:
    given = own.get("_given")
    return None if given is None else id_bytes(given)


def _is_repeated(connection: Any, values: list[dict[str, Any]], request: str) -> bool:
    """Whether the request, or the first of the ids that the caller chose, is recorded: no receiver must run then."""
    keys: list[Any] = [request] if request else []
    keys += [event_id for event_id in map(_event_id, values) if event_id is not None][:1]
    if not keys:
        return False
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM eventfold_request WHERE key IN ({', '.join(['%s'] * len(keys))}) LIMIT 1", keys)
        return cursor.fetchone() is not None


def _mark(plan: Plan, values: list[dict[str, Any]], appended: _core.Appended, using: str) -> None:
    """Tell the events that they are recorded."""
    position = appended.first
    created = _EPOCH + timedelta(0, 0, appended.created)
    if not plan.use_tz:
        created = created.astimezone().replace(tzinfo=None)  # local, as the view shows it
    for own in values:
        own["position"] = position
        own["created"] = created
        own["_appended"] = appended
        state = own["_state"]
        state.db = using
        state.adding = False
        position += 1


def _unmark(own: dict[str, Any]) -> None:
    """The append was rolled back, so the event is new again."""
    own["position"] = None
    own["created"] = None
    own.pop("_appended", None)
    own.pop("_recorded", None)
    own["_state"].adding = True


def _renew(cls: Any, own: dict[str, Any], using: str) -> None:
    """An event with a position can be appended if it is not recorded any more. Raises ImmutableEvent if it is."""
    position = own["position"]
    state = own["_state"]
    if state.adding:
        raise InvalidEvent(f"{cls._meta.label}: leave position unset, the log gives it out (it is {position!r})")
    row = read_event(using, position) if state.db == using else ()
    appended = own.get("_appended")
    if row is not None and not (appended is not None and row and row[1] != _id_of(appended, position)):
        raise ImmutableEvent(
            f"{cls._meta.label}: the event at position {position} is recorded, and can be neither changed nor saved "
            "again. Append a new event that says what is true now."
        )
    _unmark(own)


def _id_of(appended: _core.Appended, position: int) -> bytes:
    event_id: bytes = appended.ids()[position - appended.first]
    return event_id
