"""How far a follower has come with a read model, as the database has it."""

import time
from typing import Any, NamedTuple

from django.db import OperationalError

from eventfold.errors import LogLocked

_READ = """
    SELECT made.position, made.spec_hash, made.log_id IS log.log_id, made.epoch IS log.epoch, made.due, log.head,
        f.worker, f.expires, f.failures, f.retry_at, f.error,
        EXISTS (SELECT 1 FROM eventfold_dead_letter AS letter WHERE letter.name = f.name)
    FROM eventfold_follower AS f, eventfold_head AS log LEFT JOIN eventfold_read_model AS made ON made.name = f.name
    WHERE f.name = ?"""

_READ_WITHOUT_LETTERS = _READ.replace(
    "EXISTS (SELECT 1 FROM eventfold_dead_letter AS letter WHERE letter.name = f.name)", "0"
)


class Checkpoint(NamedTuple):
    """One read model or reactor that a follower keeps. Times are in milliseconds since 1970."""

    position: int | None
    spec_hash: str | None
    same_log: bool
    same_epoch: bool
    due: int | None
    head: int
    worker: str | None
    expires: int | None
    failures: int
    retry_at: int | None
    error: str | None
    has_letters: int

    @property
    def stopped(self) -> bool:
        """Whether the event after it could not be folded, and is not tried again."""
        return self.retry_at is None

    @property
    def of_this_log(self) -> bool:
        """Whether it belongs to the log as it is, and an event may be added to its rows."""
        return bool(self.same_log and self.same_epoch) and self.position is not None and self.position <= self.head


def now_ms() -> int:
    """Return the wall clock, which all processes share."""
    return time.time_ns() // 1_000_000


def run(connection: Any, sql: str, *parameters: Any) -> list[Any]:
    """Run a statement past Django's cursors, whose wrappers would fold what is new; raise what they raise."""
    with connection.wrap_database_errors:
        return connection.connection.execute(sql, parameters).fetchall()  # type: ignore[no-any-return]


def is_locked(error: Exception) -> bool:
    """Whether another connection kept the database locked past the time-out."""
    return isinstance(error, LogLocked) or (isinstance(error, OperationalError) and "locked" in str(error))


def data_version(connection: Any) -> int:
    """Return another number than before as soon as another connection has committed."""
    return int(run(connection, "PRAGMA data_version")[0][0])


def read_checkpoint(connection: Any, label: str) -> Checkpoint | None:
    """Return how far a read model or a reactor is; None: no follower keeps it."""
    try:
        rows = run(connection, _READ, label)
    except OperationalError as error:  # a log of earlier days, until the next migrate
        if "no such table: eventfold_follower" in str(error):
            return None
        if "no such table: eventfold_dead_letter" not in str(error):
            raise
        rows = run(connection, _READ_WITHOUT_LETTERS, label)
    return Checkpoint(*rows[0]) if rows else None


def move_checkpoint(connection: Any, label: str, position: int, worker: str | None, expires: int | None) -> None:
    """Let a read model be right up to a position, in the transaction that made it so."""
    run(connection, "UPDATE eventfold_read_model SET position = ? WHERE name = ?", position, label)
    run(
        connection,
        "UPDATE eventfold_follower SET worker = ?, expires = ?, failures = 0, retry_at = 0, error = NULL "
        "WHERE name = ? AND (worker IS NOT ? OR expires IS NOT ? OR failures > 0 OR error IS NOT NULL)",
        worker,
        expires,
        label,
        worker,
        expires,
    )


def note_pace(connection: Any, label: str, rate: float) -> None:
    """Remember how many positions a second a follower has come forward while there was something to do."""
    run(
        connection,
        "INSERT INTO eventfold_pace (name, measured_at, rate) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET measured_at = excluded.measured_at, rate = excluded.rate",
        label,
        now_ms(),
        rate,
    )


def has_news(connection: Any, labels: list[str], after: int, until: int) -> bool:
    """Whether an event of one of these types lies in the range (after, until]."""
    if after >= until:
        return False
    marks = ", ".join("?" * len(labels))
    sql = (
        "SELECT 1 FROM eventfold_event WHERE position > ? AND position <= ? AND type_id IN "
        f"(SELECT id FROM eventfold_type WHERE name IN ({marks})) LIMIT 1"
    )
    return bool(run(connection, sql, after, until, *labels))
