"""Schema operations past the migrations' own: by RunSQL, by a RunPython, by an app of its own accord.

SQLite drops no column that a trigger mentions, and drops triggers with a table that is made anew. So the schema editor
lifts our triggers where a column would not go, and puts them back where they went with their table. An operation that
concerns no tracked table costs no query more.
"""

from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connections, router, transaction
from django.db.backends.signals import connection_created
from django.db.backends.sqlite3.schema import DatabaseSchemaEditor

from eventfold.django import event_views
from eventfold.django.tracking import registry
from eventfold.django.tracking.event_types import key_parts
from eventfold.django.tracking.install import columns_of, drop_triggers, sync_tracking, triggered_tables
from eventfold.django.tracking.trigger_sql import PREFIX

if TYPE_CHECKING:
    _Base = DatabaseSchemaEditor
else:
    _Base = object

_REMADE = "_eventfold_remade"
"""Set on a connection: tables whose triggers were put back here, as the models are now."""


def connect() -> None:
    """Join every connection that is opened from now on, and those that are open."""
    connection_created.connect(_join, dispatch_uid="eventfold.schema_of_tracked")
    for connection in connections.all(initialized_only=True):
        _join(connection)


def take_remade(connection: Any) -> set[str]:
    """Return the tables, in lower case, whose triggers were put back since this was asked last.

    In the middle of a plan a model may be ahead of its table, so whoever runs the plan makes them fit its state.
    """
    found: set[str] = connection.__dict__.pop(_REMADE, set())
    return found


class _KeepsTriggers(_Base):
    def execute(self, sql: Any, params: Any = ()) -> None:
        try:
            super().execute(sql, params)
        except OperationalError as error:
            table = _table_of_trigger(self.connection, str(error))
            if table is None:
                raise
            with transaction.atomic(using=self.connection.alias):
                drop_triggers(self.connection, table)
                super().execute(sql, params)
                _restore(self.connection, table)

    def _remake_table(self, model: Any, *args: Any, **kwargs: Any) -> None:
        table = model._meta.db_table
        had_triggers = not self.collect_sql and _has_triggers(self.connection, table)
        super()._remake_table(model, *args, **kwargs)  # type: ignore[misc]  # private, so not in the stubs
        if had_triggers:
            _restore(self.connection, table)


def _has_triggers(connection: Any, table: str) -> bool:
    """Look past Django: nobody counts this as a query of the operation."""
    connection.ensure_connection()
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(?) AND substr(name, 1, ?) = ?"
    return connection.connection.execute(sql, [table, len(PREFIX), PREFIX]).fetchone() is not None


def _table_of_trigger(connection: Any, message: str) -> str | None:
    """The table of the trigger of ours that SQLite complains of."""
    if not message.startswith("error in trigger ") or not event_views.has_log(connection):
        return None
    complaint = message.removeprefix("error in trigger ")
    # a table may be called "book" and another "book_created"
    found = [(len(name), table) for name, table in triggered_tables(connection) if complaint.startswith(name)]
    return max(found)[1] if found else None


def _restore(connection: Any, table: str) -> None:
    columns = columns_of(connection, table)
    for model in registry.tracked_models():
        tracking = registry.tracking_of(model)
        if tracking is None or model._meta.db_table.lower() != table.lower():
            continue
        has_key = all(str(part.column).lower() in columns for part in key_parts(model))
        if has_key and router.allow_migrate_model(connection.alias, model):
            sync_tracking(connection, model, tracking)
            connection.__dict__.setdefault(_REMADE, set()).add(table.lower())


def _join(connection: Any, **kwargs: Any) -> None:
    editor = connection.SchemaEditorClass
    if connection.vendor == "sqlite" and not issubclass(editor, _KeepsTriggers):
        connection.SchemaEditorClass = type(editor.__name__, (_KeepsTriggers, editor), {})
