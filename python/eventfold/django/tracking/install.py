"""Putting the triggers on a tracked table, and the views of its event types beside them, on one database."""

from collections.abc import Callable, Mapping
from typing import Any

from django.apps import apps
from django.db import router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold.django import event_views
from eventfold.django.kinds import AnyField, kind_of
from eventfold.django.tracking import trigger_sql
from eventfold.django.tracking.added_defaults import AddedDefaults
from eventfold.django.tracking.encoding_sql import json_of, native_way
from eventfold.django.tracking.event_types import (
    MASKED,
    TrackedEvents,
    default_label,
    events_of,
    key_parts,
    key_slot,
    make_events,
)
from eventfold.django.tracking.recorded_fields import recorded_kind
from eventfold.django.tracking.registry import Tracking, tracked_fields, tracking_of
from eventfold.django.tracking.trigger_sql import PREFIX, Member, TrackedTable, triggers
from eventfold.django.view_sql import quote_name


def sync_tracking(
    connection: BaseDatabaseWrapper, model: Any, tracking: Tracking, one_off: Mapping[str, Any] = {}
) -> bool:
    """Make triggers and views what a model, current or historical, says; return whether anything had to change.

    `one_off` are defaults, by field name, that a migration gave to the rows of a field that keeps none. Does nothing
    where the model has no table in this database, or the database no log.
    """
    table = model._meta.db_table
    if not _is_here(connection, model):
        return False
    with transaction.atomic(using=connection.alias):
        events = make_events(model, tracking)
        _take_names(connection, model, events)
        whole = (events.created, events.existed)
        changed = [
            event_views.sync_view(
                connection, event, AddedDefaults(model, tracking, event, one_off) if event in whole else {}
            )
            for event in events
        ]
        wanted = wanted_triggers(connection, model, tracking, events)
        found = found_triggers(connection, table)
        if found == wanted:
            return any(changed)
        for name in found:
            _run(connection, f"DROP TRIGGER {quote_name(name)}")
        for name, sql in wanted.items():
            _run(connection, f"DROP TRIGGER IF EXISTS {quote_name(name)}")  # of a table that had this one's name before
            _run(connection, sql)
    return True


def _take_names(connection: BaseDatabaseWrapper, model: Any, events: TrackedEvents) -> None:
    """What was recorded before a class of the project's own stood for it gets the name of that class."""
    for action, event in zip(TrackedEvents._fields, events, strict=True):
        label, before = event._meta.label, default_label(model._meta.label, action)
        if label == before or _is_declared(before):
            continue
        known = event_views.find_type(connection, label)
        if known is None or not event_views.has_events(connection, known.id):
            event_views.rename_type(connection, before, label)


def _is_declared(label: str) -> bool:
    app_label, _, name = label.partition(".")
    return name.lower() in apps.all_models.get(app_label, {})


def drop_triggers(connection: BaseDatabaseWrapper, table: str) -> bool:
    """Remove our triggers from a table; return whether there were any."""
    found = found_triggers(connection, table)
    for name in found:
        _run(connection, f"DROP TRIGGER {quote_name(name)}")
    return bool(found)


def found_triggers(connection: BaseDatabaseWrapper, table: str) -> dict[str, str]:
    """Return the SQL of our triggers on a table, by name."""
    return {name: sql for name, of, sql in _all_triggers(connection) if of.lower() == table.lower()}


def tables_with_triggers(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """Return how many of our triggers each table has."""
    found: dict[str, int] = {}
    for _, table, _ in _all_triggers(connection):
        found[table] = found.get(table, 0) + 1
    return found


def triggered_tables(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """Return the name of each trigger of ours and of the table that it is on."""
    return [(name, table) for name, table, _ in _all_triggers(connection)]


def wanted_triggers(
    connection: BaseDatabaseWrapper, model: Any, tracking: Tracking, events: TrackedEvents
) -> dict[str, str]:
    """Return the SQL of the triggers that a model's table should have, by name; the types must be known to the log."""
    return triggers(_table(connection, model, tracking, events))


def _table(connection: BaseDatabaseWrapper, model: Any, tracking: Tracking, events: TrackedEvents) -> TrackedTable:
    columns = columns_of(connection, model._meta.db_table)
    ids = [event_views.find_type(connection, event._meta.label) for event in events]
    created, changed, deleted, _ = (row.id if row else 0 for row in ids)
    members = tuple(
        Member(str(field.column), field.name, _json_of(field, tracking), _native_way(field, tracking))
        for field in tracked_fields(model, tracking)
        if str(field.column).lower() in columns
    )
    return TrackedTable(
        table=model._meta.db_table,
        key=tuple(str(part.column) for part in key_parts(model)),
        key_json=key_json(model, events.created),
        key_slot=key_slot(events.created),
        key_value=key_value(model, events.created),
        members=members,
        created=created,
        changed=changed,
        deleted=deleted,
        key_native=_key_native(model, events.created),
    )


def row_json(connection: BaseDatabaseWrapper, model: Any) -> str:
    """Return the SQL of what BookExisted says of a row, of a tracked model's table that is called t in the query."""
    return trigger_sql.row_json(tracked_table(connection, model), "t", "new")


def tracked_table(connection: BaseDatabaseWrapper, model: Any) -> TrackedTable:
    """Return what the triggers of a tracked model's table are made of."""
    tracking = tracking_of(model)
    assert tracking is not None
    return _table(connection, model, tracking, events_of(model))


def key_json(model: Any, event: Any) -> Callable[[str], str]:
    """Return what makes the SQL of a row's key as JSON; it is given the name that stands before the columns."""
    parts = key_parts(model)
    if len(parts) > 1 or _is_text_of_another(parts[0], event):
        text = key_value(model, event)
        return lambda row: f"json_quote({text(row)})"
    (part,) = parts
    return lambda row: json_of(part, f"{row}.{quote_name(str(part.column))}")


def key_value(model: Any, event: Any) -> Callable[[str], str]:
    """Return what makes the SQL of a row's key as a slot holds it."""
    parts = key_parts(model)
    if len(parts) > 1:

        def listed(row: str) -> str:
            values = " || ',' || ".join(json_of(part, f"{row}.{quote_name(str(part.column))}") for part in parts)
            return f"('[' || {values} || ']')"

        return listed
    column = quote_name(str(parts[0].column))
    if recorded_kind(parts[0]) == "binary":
        return lambda row: f"lower(hex({row}.{column}))"  # as a text its bytes need not be UTF-8
    if _is_text_of_another(parts[0], event):
        return lambda row: f"CAST({row}.{column} AS TEXT)"
    return lambda row: f"{row}.{column}"


def _key_native(model: Any, event: Any) -> str | None:
    parts = key_parts(model)
    return None if len(parts) > 1 or _is_text_of_another(parts[0], event) else native_way(parts[0])


def _is_text_of_another(part: AnyField, event: Any) -> bool:
    return kind_of(event._meta.get_field("key")) != recorded_kind(part)


def _json_of(field: AnyField, tracking: Tracking) -> Callable[[str], str]:
    if field.name in tracking.mask:
        return lambda value: f"CASE WHEN {value} IS NULL THEN 'null' ELSE '\"{MASKED}\"' END"
    return lambda value: json_of(field, value)


def _native_way(field: AnyField, tracking: Tracking) -> str | None:
    return None if field.name in tracking.mask else native_way(field)


def _is_here(connection: BaseDatabaseWrapper, model: Any) -> bool:
    return (
        event_views.has_log(connection)
        and router.allow_migrate_model(connection.alias, model)
        and model._meta.db_table in event_views.table_names(connection)
    )


def columns_of(connection: BaseDatabaseWrapper, table: str) -> set[str]:
    """Return the columns that a table has, in lower case: within a migration, the model may be ahead of it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name FROM pragma_table_xinfo({connection.ops.quote_name(table)})")
        return {name.lower() for (name,) in cursor.fetchall()}


def _all_triggers(connection: BaseDatabaseWrapper) -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, %s) = %s",
            [len(PREFIX), PREFIX],
        )
        return list(cursor.fetchall())


def _run(connection: BaseDatabaseWrapper, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
