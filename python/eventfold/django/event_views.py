"""Keeping the view of each event type, and what the log knows of its fields, in step with a model.

Every function works on one database alias, within the caller's transaction or one of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from typing import Any

from django.apps import apps as global_apps
from django.conf import settings
from django.db import router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import IrreversibleError
from django.db.models import NOT_PROVIDED

from eventfold import _core
from eventfold.django import view_sql
from eventfold.django.constants import APP_LABEL, SLOT_KINDS, is_event_model
from eventfold.django.gate import native
from eventfold.django.kinds import AnyField, event_fields, json_key, json_value, kind_of, slot_names, slots_of
from eventfold.django.type_fields import TypeFields
from eventfold.errors import InvalidEvent


@dataclass
class TypeRow:
    """What the log knows of one event type."""

    id: int
    name: str
    fields: TypeFields
    view: str | None
    view_hash: str | None


def view_hash(model: Any) -> str:
    """Return a hash of what the class of an event says of its view. The log has it in `eventfold_type.view_hash`.

    It depends on the class and USE_TZ alone, not on the database: where the two differ, a migration is missing.
    """
    slots = slots_of(model)
    columns = sorted(
        (field.column, json_key(field), kind_of(field), slots.get(field.name)) for field in event_fields(model)
    )
    shape = [view_sql.VIEW_VERSION, settings.USE_TZ, model._meta.db_table, columns]
    return sha256(dumps(shape).encode()).hexdigest()


def ensure_log(connection: BaseDatabaseWrapper) -> bool:
    """Install the log where it is missing, if a router lets this alias have one; return whether it has.

    Raises UnsupportedSchema for a newer or a foreign log.
    """
    if connection.vendor != "sqlite" or not router.allow_migrate(connection.alias, APP_LABEL):
        return False
    native(connection, "eventfold: install", _core.Log.install)
    return True


def remove_log(connection: BaseDatabaseWrapper) -> None:
    """Drop the log's tables and every view on them. Raises IrreversibleError while an event is recorded."""
    if not has_log(connection):
        return
    events = count_events(connection)
    if events:
        raise IrreversibleError(
            f"The log of the database {connection.alias!r} holds {events} events, which would be lost for ever; "
            "if you mean it, run `manage.py flush --events` first"
        )
    for label in _all(connection, "SELECT name FROM eventfold_type WHERE view IS NOT NULL"):
        drop_view(connection, label)
    for trigger in _all(connection, "SELECT name FROM sqlite_master WHERE name GLOB 'eventfold_tracks_*'"):
        _run(connection, f"DROP TRIGGER {view_sql.quote_name(trigger)}")
    _run(connection, "DROP VIEW IF EXISTS eventfold_head")
    for table in _all(connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'eventfold_*'"):
        _run(connection, f"DROP TABLE {view_sql.quote_name(table)}")


def has_log(connection: BaseDatabaseWrapper) -> bool:
    """Whether the log's tables are there."""
    if connection.vendor != "sqlite":
        return False
    return _one(connection, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'eventfold_type'") is not None


def count_events(connection: BaseDatabaseWrapper) -> int:
    """Return how many events the log holds."""
    return int(_one(connection, "SELECT count(*) FROM eventfold_event")[0])


def table_names(connection: BaseDatabaseWrapper) -> set[str]:
    """Return the names of the tables, views not among them."""
    return set(_all(connection, "SELECT name FROM sqlite_master WHERE type = 'table'"))


def find_type(connection: BaseDatabaseWrapper, label: str, *, any_case: bool = False) -> TypeRow | None:
    """Return what the log knows of the event type of a model's label.

    `any_case`: the name comes from a migration, where Django takes it in any case; it must have a view then.
    """
    condition = "name = %s COLLATE NOCASE AND view IS NOT NULL" if any_case else "name = %s"
    row = _one(connection, f"SELECT id, name, fields, view, view_hash FROM eventfold_type WHERE {condition}", [label])
    return None if row is None else TypeRow(row[0], row[1], TypeFields.load(row[2]), row[3], row[4])


def has_events(connection: BaseDatabaseWrapper, type_id: int) -> bool:
    """Whether an event of a type is recorded."""
    return _one(connection, "SELECT 1 FROM eventfold_event WHERE type_id = %s LIMIT 1", [type_id]) is not None


def sync_view(connection: BaseDatabaseWrapper, model: Any, defaults: Mapping[str, Any] = {}) -> bool:
    """Make the view of an event model what the model says; return whether anything had to change.

    `defaults` are values, by field name, for events that were recorded without a field, where they are not the
    field's own default. Raises InvalidEvent if recorded events cannot be shown so.
    """
    with transaction.atomic(using=connection.alias):
        row = _intern_type(connection, model._meta.label)
        recorded = has_events(connection, row.id)
        before = row.fields.dump()
        old_slots = dict(row.fields.slots)
        altered = _take_fields(row, model, recorded, defaults)
        row.fields.slots = slots_of(model)
        columns = columns_of(model, row.fields)
        if recorded:
            if not getattr(model, "_shows_what_fits", False):
                _check_values(connection, row, [column for column in columns if column.name in altered])
            if row.fields.slots != old_slots or altered:
                _run(connection, _fill_slots(connection, row, columns, after="0"))
        remade = _replace_view(connection, row, model._meta.db_table, columns)
        fresh_hash = view_hash(model)
        if not remade and row.fields.dump() == before and row.view_hash == fresh_hash:
            return False
        _run(
            connection,
            "UPDATE eventfold_type SET name = %s, fields = %s, view = %s, view_hash = %s, slots = %s, fill_slots = %s "
            "WHERE id = %s",
            [
                model._meta.label,
                row.fields.dump(),
                model._meta.db_table,
                fresh_hash,
                slot_names(row.fields.slots),
                _fill_slots(connection, row, columns, after="?1") if row.fields.slots else None,
                row.id,
            ],
        )
        _void_caches(connection)
        return True


def drop_view(connection: BaseDatabaseWrapper, label: str) -> None:
    """Drop the view of an event type whose model is gone. Its events stay."""
    row = find_type(connection, label, any_case=True)
    if row is None or row.view is None:
        return
    with transaction.atomic(using=connection.alias):
        if _is_our_view(connection, row.view):
            _run(connection, view_sql.drop_view(row.view))
        _run(connection, "UPDATE eventfold_type SET view = NULL, view_hash = NULL WHERE id = %s", [row.id])
        _void_caches(connection)


def rename_type(connection: BaseDatabaseWrapper, old: str, new: str) -> None:
    """Give the event type of a model's label the label of another; its id, and so its events, stay."""
    row = find_type(connection, old) or find_type(connection, old, any_case=True)
    if row is None:
        return
    other = find_type(connection, new)
    with transaction.atomic(using=connection.alias):
        if other is not None and other.id != row.id:
            if has_events(connection, other.id):
                raise InvalidEvent(
                    f"{old} cannot be renamed to {new}: the log holds events of an earlier {new}. Choose another name"
                )
            drop_view(connection, new)
            _run(connection, "DELETE FROM eventfold_type WHERE id = %s", [other.id])
        _run(connection, "UPDATE eventfold_type SET name = %s WHERE id = %s", [new, row.id])
        _void_caches(connection)


def rename_field(connection: BaseDatabaseWrapper, label: str, old: str, new: str) -> None:
    """A field of an event type is renamed: events that are recorded have its value under the old name."""
    row = find_type(connection, label, any_case=True)
    if row is None or old not in row.fields.former_keys:
        return
    if new not in row.fields.keys(old) and has_events(connection, row.id):
        _check_name_is_free(connection, row, new)
    row.fields.rename(old, new)
    _run(connection, "UPDATE eventfold_type SET fields = %s WHERE id = %s", [row.fields.dump(), row.id])


def repair_views(connection: BaseDatabaseWrapper, models: Iterable[Any]) -> None:
    """Bring the views of all event models up to date, and drop those whose model is gone from its app.

    `models`: all the models there are. Most often nothing is to be done, since migrations did it.
    """
    wanted = [
        model for model in models if is_event_model(model) and router.allow_migrate_model(connection.alias, model)
    ]
    for model in wanted:
        sync_view(connection, model)
    labels = {model._meta.label for model in wanted}
    for label in _all(connection, "SELECT name FROM eventfold_type WHERE view IS NOT NULL"):
        if label not in labels and label.partition(".")[0] in global_apps.app_configs:
            drop_view(connection, label)


def columns_of(model: Any, known: TypeFields) -> list[view_sql.Column]:
    """Return the view's columns for the fields of an event model, as the log knows them."""
    return [
        view_sql.Column(
            name=str(field.column),
            kind=kind_of(field),
            keys=tuple(known.keys(json_key(field))),
            default=known.defaults.get(json_key(field)),
            slot=known.slots.get(json_key(field)),
            former_kinds=tuple(known.kinds.get(json_key(field), ())),
        )
        for field in event_fields(model)
    ]


def _take_fields(row: TypeRow, model: Any, recorded: bool, defaults: Mapping[str, Any]) -> set[str]:
    """Bring what the log knows of the fields up to the model; return the columns that were of another kind."""
    fields = {json_key(field): field for field in event_fields(model)}
    known = row.fields
    if not recorded:
        known.restart({name: kind_of(field) for name, field in fields.items()})
        return set()
    altered: set[str] = set()
    for name in known.former_keys.keys() - fields.keys():
        known.remove(name)
    for name, field in fields.items():
        if name not in known.former_keys:
            if owner := known.keys_of_others(name).get(name):
                raise _taken(row.name, name, f"recorded events have the value of {owner} under it")
            known.add(field, _default(field, defaults))
        elif known.kinds.get(name, [None])[-1] != kind_of(field):
            known.become(name, kind_of(field))
        else:
            continue
        if len(known.kinds[name]) > 1:
            altered.add(str(field.column))
    return altered


def _default(field: AnyField, defaults: Mapping[str, Any]) -> Any:
    """The JSON value that Django would have given to the rows of a table when the field was added."""
    if field.name in defaults:
        return json_value(field, defaults[field.name])
    if field.has_default():
        return json_value(field, field.get_default())
    db_default = getattr(field, "db_default", NOT_PROVIDED)
    if db_default is not NOT_PROVIDED and not hasattr(db_default, "resolve_expression"):
        return json_value(field, db_default)
    if not field.null and field.blank and field.empty_strings_allowed and kind_of(field) in ("text", "binary"):
        return ""
    return None


def _fill_slots(connection: BaseDatabaseWrapper, row: TypeRow, columns: Sequence[view_sql.Column], after: str) -> str:
    return view_sql.fill_slots(row.id, columns, len(SLOT_KINDS), after, unhex=_has_unhex(connection))


def _check_values(connection: BaseDatabaseWrapper, row: TypeRow, columns: Iterable[view_sql.Column]) -> None:
    """Raise if a recorded value cannot be read as the kind that its field has now."""
    for column in columns:
        present = " OR ".join(
            f"coalesce(json_type(data, {view_sql.key_path(key)}), 'null') <> 'null'" for key in column.keys
        )
        expression = view_sql.json_expression(column, _has_unhex(connection))
        found = _one(
            connection,
            f"SELECT count(*), min(position) FROM eventfold_event WHERE type_id = {row.id} AND ({present}) "
            f"AND {expression} IS NULL",
        )
        if found and found[0]:
            raise InvalidEvent(
                f"{row.name}.{column.name} cannot become {column.kind}: {found[0]} recorded events hold something "
                f"else, the first at position {found[1]}. Add a field of another name instead"
            )


def _check_name_is_free(connection: BaseDatabaseWrapper, row: TypeRow, name: str) -> None:
    if owner := row.fields.keys_of_others(name).get(name):
        raise _taken(row.name, name, f"recorded events have the value of {owner} under it")
    found = _one(
        connection,
        f"SELECT position FROM eventfold_event WHERE type_id = {row.id} "
        f"AND json_type(data, {view_sql.key_path(name)}) IS NOT NULL LIMIT 1",
    )
    if found:
        raise _taken(row.name, name, f"the event at position {found[0]} has another value under it")


def _taken(label: str, name: str, why: str) -> InvalidEvent:
    return InvalidEvent(f"No field of {label} can be named {name} now: {why}. Choose another name")


def _intern_type(connection: BaseDatabaseWrapper, label: str) -> TypeRow:
    row = find_type(connection, label)
    if row is None:
        _run(connection, "INSERT INTO eventfold_type (name) VALUES (%s)", [label])
        row = find_type(connection, label)
        assert row is not None
    return row


def _replace_view(connection: BaseDatabaseWrapper, row: TypeRow, name: str, columns: Iterable[view_sql.Column]) -> bool:
    """Make the view unless it is there already, with the same columns in any order."""
    sql = view_sql.create_view(
        name, row.name, row.id, list(columns), use_tz=settings.USE_TZ, unhex=_has_unhex(connection)
    )
    triggers = view_sql.create_triggers(name, row.name)
    if row.view is not None and row.view != name and _is_our_view(connection, row.view):
        _run(connection, view_sql.drop_view(row.view))
    present = _one(connection, "SELECT type, sql FROM sqlite_master WHERE name = %s COLLATE NOCASE", [name])
    if present is not None:
        if present[0] != "view" or not view_sql.is_ours(present[1]):
            raise InvalidEvent(
                f"{row.name} needs the name {name} for its view, but the database has a {present[0]} of that name"
            )
        guards = _all(
            connection, "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s COLLATE NOCASE", [name]
        )
        if sorted(present[1].splitlines()) == sorted(sql.splitlines()) and sorted(guards) == sorted(triggers):
            return False
        _run(connection, view_sql.drop_view(name))
    for statement in (sql, *triggers):
        _run(connection, statement)
    return True


def _is_our_view(connection: BaseDatabaseWrapper, name: str) -> bool:
    row = _one(connection, "SELECT sql FROM sqlite_master WHERE type = 'view' AND name = %s COLLATE NOCASE", [name])
    return row is not None and view_sql.is_ours(row[0])


def _void_caches(connection: BaseDatabaseWrapper) -> None:
    """Whoever remembers ids or views of types, in any process, sees another stamp and looks again."""
    _run(connection, "UPDATE eventfold_header SET stamp = random()")


def _has_unhex(connection: BaseDatabaseWrapper) -> bool:
    return connection.Database.sqlite_version_info >= (3, 41)  # type: ignore[attr-defined, no-any-return]


def _run(connection: BaseDatabaseWrapper, sql: str, parameters: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _one(connection: BaseDatabaseWrapper, sql: str, parameters: list[Any] | None = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def _all(connection: BaseDatabaseWrapper, sql: str, parameters: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]
