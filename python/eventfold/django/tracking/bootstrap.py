"""The rows that were in a tracked table before tracking began: each gets its first event, BookExisted.

A row gets one if it has no BookCreated or BookExisted since its last BookDeleted. That is decided in the transaction
that appends the event, batch by batch in the order of the primary key; so nothing but the log has to be remembered,
the app may go on writing, and a bootstrap that was killed goes on where it is run again. What the app changes before a
row's turn is in the log by then; the row's first event says what it is when its turn comes, and history.py goes back
from it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connections, router

from eventfold import _core
from eventfold.django import event_views
from eventfold.django.connection import present_log
from eventfold.django.gate import native
from eventfold.django.tracking import inline, registry
from eventfold.django.tracking.bootstrap_sql import BootstrapSql, row_order
from eventfold.django.tracking.event_types import events_of
from eventfold.django.tracking.install import found_triggers, tracked_table, wanted_triggers
from eventfold.django.tracking.pace import Pace
from eventfold.django.tracking.process_lock import Held, process_lock
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import EventfoldError

Progress = Callable[[int, int], None]
"""Called with the rows that are done, and all of them."""


class CannotBootstrap(EventfoldError):
    """The rows of a tracked table cannot be given their first events."""


class Bootstrapped(NamedTuple):
    """What was done."""

    rows: int
    """The rows that were looked at."""
    events: int
    """Those of them that had no first event."""


def bootstrap(model: Any, using: str, progress: Progress = lambda done, rows: None) -> Bootstrapped:
    """Give each row of a tracked model's own table its first event, where it has none.

    Outside of a transaction each batch is a short one of its own. Raises CannotBootstrap for a table that has not its
    triggers, or no order, and while another bootstrap of the database runs; LogLocked if another connection keeps the
    database locked. What is done by then stays.
    """
    connection = connections[using]
    with only_one(connection):
        return _Bootstrap(connection, model, progress).run()


def bootstrapped_models(using: str) -> list[Any]:
    """Return the tracked models whose rows are in a database."""
    models = registry.tracked_models()
    return [model for model in models if router.allow_migrate_model(using, model)]


@contextmanager
def only_one(connection: Any) -> Iterator[None]:
    """Refuse a second bootstrap of the same database file."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT file FROM pragma_database_list WHERE name = 'main'")
        (file,) = cursor.fetchone()
    path = Path(f"{file}-bootstrap.lock")
    try:
        with process_lock(path) if file else nullcontext():
            yield
    except Held:
        raise CannotBootstrap(
            f"Another bootstrap of the database {connection.alias!r} is running (it holds {path}): wait until it is "
            "done, then run this one"
        ) from None


class _Bootstrap:
    def __init__(self, connection: Any, model: Any, progress: Progress) -> None:
        self._connection = connection
        self._model = model
        self._progress = progress
        self._pace = Pace()
        self._alone = connection.in_atomic_block or connection.is_in_memory_db()  # nobody else could write
        self._schema: int | None = None
        self._others = 0
        self._checkpoints = False
        self._after: tuple[str, ...] = ()  # the key of the last row that is done
        self._sql: Any = None

    def run(self) -> Bootstrapped:
        self._look_at_schema()
        (total,) = self._one(self._sql.rows())
        done = events = 0
        rows = 1
        with self._no_automatic_checkpoints():
            while rows:
                self._progress(done, max(total, done))
                started = time.perf_counter()
                with ImmediateAtomic(self._connection.alias):
                    self._look_at_schema()
                    rows, inserted = self._batch()
                done, events = done + rows, events + inserted
                if rows and not self._alone:
                    self._give_way(rows, time.perf_counter() - started)
        return Bootstrapped(done, events)

    def _give_way(self, rows: int, seconds: float) -> None:
        """Let others write, after a batch that took so long; they can while the WAL is brought into the file."""
        until = time.perf_counter() + self._pace.took(rows, seconds, others_wrote=self._others_wrote())
        if self._checkpoints:
            self._one("PRAGMA wal_checkpoint(PASSIVE)")
        time.sleep(max(until - time.perf_counter(), 0))

    @contextmanager
    def _no_automatic_checkpoints(self) -> Iterator[None]:
        """A commit would do them, and what it takes could not be told from what others have to wait for."""
        (pages,) = self._one("PRAGMA wal_autocheckpoint")
        self._checkpoints = bool(pages) and not self._alone  # none: somebody else does them
        if self._checkpoints:
            self._one("PRAGMA wal_autocheckpoint = 0")
        try:
            yield
        finally:
            if self._checkpoints:
                self._one(f"PRAGMA wal_autocheckpoint = {pages}")

    def _batch(self) -> tuple[int, int]:
        """Return how many rows were looked at, and how many got an event."""
        rows = self._pace.rows
        until = self._one(self._sql.last_of(self._after, rows))
        if until is None:
            (rows,) = self._one(self._sql.rows_after(self._after))
            if rows == 0:
                return 0, 0
            until = self._one(self._sql.last_of(self._after, rows))
        head, last_created, last_position = self._one(
            "SELECT head, last_created, ifnull((SELECT max(position) FROM eventfold_event), 0) FROM eventfold_head"
        )
        created = max(time.time_ns() // 1000, last_created)
        some_event = self._sql.some_event(self._after, until)
        all_rows = some_event is not None and self._one(some_event) is None
        beyond = head if head > last_position else None
        insert = self._sql.insert(self._after, until, created, beyond, all_rows=all_rows)
        inline.begin(self._connection)
        events = native(self._connection, insert, _core.Log.append_selected, insert)
        inline.fold_new(self._connection)
        self._after = until
        return rows, events

    def _look_at_schema(self) -> None:
        """Make the statements, and again whenever somebody has changed a table or a trigger."""
        (version,) = self._one("PRAGMA schema_version")
        if version != self._schema:
            self._sql = _statements(self._connection, self._model)
            self._schema = version

    def _others_wrote(self) -> bool:
        (version,) = self._one("PRAGMA data_version")
        others, self._others = self._others, version
        return others not in (0, version)

    def _one(self, sql: str) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()


def _statements(connection: Any, model: Any) -> BootstrapSql:
    """Raise CannotBootstrap for a table that is not ready."""
    label, name, alias = model._meta.label, model._meta.db_table, connection.alias
    tracking = registry.tracking_of(model)
    migrate = f"run `manage.py migrate --database {alias}` first"
    if tracking is None:
        raise CannotBootstrap(f"{label} is not tracked: track() it, or name it in EVENTFOLD['TRACK']")
    if name not in event_views.table_names(connection):
        raise CannotBootstrap(f"{label} has no table in the database {alias!r}: {migrate}")
    events = events_of(model)
    existed = event_views.find_type(connection, events.existed._meta.label)
    found = found_triggers(connection, name)
    if existed is None or not found or found != wanted_triggers(connection, model, tracking, events):
        raise CannotBootstrap(
            f"{label}: its table has {'triggers that no longer fit it' if found else 'no triggers'}, so what the app "
            f"changes afterwards would be lost: {migrate}"
        )
    table = tracked_table(connection, model)
    order = row_order(connection, table)
    key = ", ".join(table.key)
    if order is None:
        raise CannotBootstrap(
            f"{label}: its table {name} has no unique index on the primary key ({key}), in whose order a bootstrap "
            f"takes the rows: make one, `CREATE UNIQUE INDEX ... ON {name} ({key})`"
        )
    sql = BootstrapSql(table, order, existed.id, native=_has_native_json(connection))
    if order.nullable:
        with connection.cursor() as cursor:
            cursor.execute(sql.rows_without_key())
            if cursor.fetchone() is not None:
                raise CannotBootstrap(
                    f"{label}: a row of its table {name} has NULL in its primary key ({key}), so no event could say "
                    "which row it is about: give it a key, or delete it"
                )
    return sql


def _has_native_json(connection: Any) -> bool:
    """Whether our function is there: not where SQLite is reached by a cursor alone."""
    present_log(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pragma_function_list WHERE name = 'eventfold_row_json'")
        return cursor.fetchone() is not None
