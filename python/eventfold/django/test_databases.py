"""What test runners do with databases: flush them, and clone them.

A flush empties the log together with everything else. The command `flush` may be ours or another app's, and it is
Django's own where a test says `available_apps`; all of them hand their statements to the backend, so that is where the
log joins in, and where it refuses to lose events that no test recorded.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from django.core.management.base import CommandError
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from eventfold import _core
from eventfold.django import event_views
from eventfold.django.declared import declared_models
from eventfold.django.gate import native
from eventfold.django.view_sql import quote_name

ALLOWED = "_eventfold_flush_allowed"
"""Set on a connection while its events may go."""


def connect() -> None:
    """Prepare every connection that is opened from now on, and those that are open."""
    for connection in connections.all(initialized_only=True):
        _prepare(connection=connection)
    connection_created.connect(_prepare, dispatch_uid="eventfold.test_databases")


def empty_log(connection: BaseDatabaseWrapper) -> None:
    """Remove every event, and every row of a read model, which must never outlive its events.

    Types keep their ids and positions are not used again; the log's epoch says so to whoever remembers anything.
    """
    if not event_views.has_log(connection):
        return
    with transaction.atomic(using=connection.alias):
        for table in _read_model_tables(connection):
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {quote_name(table)}")
        native(connection, "eventfold: empty", _core.Log.empty)


def check_flush(connection: BaseDatabaseWrapper, allowed: bool = False) -> int:
    """Return how many events a flush would remove. Raises CommandError if that is neither allowed nor a test's."""
    events = event_views.count_events(connection) if event_views.has_log(connection) else 0
    if events and not allowed and not _is_test_database(connection):
        raise CommandError(
            f"The log of the database {connection.alias!r} holds {events} events, which would be lost for ever. If "
            "you mean it, run `manage.py flush --events`; every read model is emptied with it."
        )
    return events


def _is_test_database(connection: BaseDatabaseWrapper) -> bool:
    test_utils = sys.modules.get("django.test.utils")  # never imported by a site that serves
    return (
        hasattr(getattr(test_utils, "_TestState", None), "saved_data")  # tests are running
        or connection.is_in_memory_db()  # type: ignore[attr-defined]
        or str(connection.settings_dict["NAME"]) == str(connection.creation._get_test_db_name())  # type: ignore[attr-defined]
    )


def _prepare(connection: Any, **kwargs: Any) -> None:
    if connection.vendor == "sqlite" and "execute_sql_flush" not in connection.ops.__dict__:
        _join_flush(connection)
        _checkpoint_before_clone(connection)


def _join_flush(connection: Any) -> None:
    operations = connection.ops
    flush: Callable[[Iterable[str]], None] = operations.execute_sql_flush

    def flush_with_log(sql_list: Iterable[str]) -> None:
        check_flush(connection, allowed=getattr(connection, ALLOWED, False))
        with transaction.atomic(using=connection.alias):
            flush(sql_list)
            empty_log(connection)  # last: triggers may have recorded events while rows went

    operations.execute_sql_flush = flush_with_log


def _checkpoint_before_clone(connection: Any) -> None:
    """`test --parallel` copies a test database's file, and would leave behind what is in its write-ahead log only."""
    creation = connection.creation
    clone: Callable[..., None] = creation._clone_test_db

    def clone_all(*args: Any, **kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        clone(*args, **kwargs)

    creation._clone_test_db = clone_all


def _read_model_tables(connection: BaseDatabaseWrapper) -> list[str]:
    from eventfold.django.projectors import labels_with_projectors
    from eventfold.django.read_models import ReadModel

    kept = set(labels_with_projectors())
    tables = event_views.table_names(connection)
    return [
        model._meta.db_table
        for model in declared_models()
        if (issubclass(model, ReadModel) or model._meta.label in kept)
        and model._meta.managed
        and model._meta.db_table in tables
        and router.allow_migrate_model(connection.alias, model)
    ]
