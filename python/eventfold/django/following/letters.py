"""Dead letters: events that a read model or a reactor could not take, put aside so that it could go on.

The later events of the same rows wait beside them, so that no row is folded out of order.
"""

import json
from dataclasses import dataclass
from typing import Any

from eventfold.django.following.checkpoints import now_ms, run

_COLUMNS = "id, name, position, keys, failures, error, put_at, tried_at"


@dataclass(frozen=True)
class Letter:
    """One event that was put aside. Times are in milliseconds since 1970."""

    id: int
    name: str
    position: int
    keys: frozenset[str]
    """Keys of the rows that the event concerns, each as JSON; none for a reactor, or where it has no key."""
    failures: int
    error: str | None
    put_at: int
    tried_at: int | None

    @property
    def waits(self) -> bool:
        """Whether it did not fail itself: it waits for an earlier one of its keys."""
        return self.failures == 0


def read_letters(connection: Any, name: str | None = None) -> list[Letter]:
    """Return the letters of a read model or a reactor, or all, in the order of the log."""
    sql = f"SELECT {_COLUMNS} FROM eventfold_dead_letter"
    if name is None:
        return [_letter(row) for row in run(connection, f"{sql} ORDER BY name, position")]
    return [_letter(row) for row in run(connection, f"{sql} WHERE name = ? ORDER BY position", name)]


def count_letters(connection: Any) -> dict[str, int]:
    """Return how many letters each read model and reactor has that has any."""
    connection.ensure_connection()
    return dict(run(connection, "SELECT name, count(*) FROM eventfold_dead_letter GROUP BY name ORDER BY name"))


def read_letter(connection: Any, letter_id: int) -> Letter | None:
    """Return the letter of this number, if there is one."""
    rows = run(connection, f"SELECT {_COLUMNS} FROM eventfold_dead_letter WHERE id = ?", letter_id)
    return _letter(rows[0]) if rows else None


def letter_at(connection: Any, name: str, position: int) -> Letter | None:
    """Return the letter of a read model or a reactor at a position, if there is one."""
    sql = f"SELECT {_COLUMNS} FROM eventfold_dead_letter WHERE name = ? AND position = ?"
    rows = run(connection, sql, name, position)
    return _letter(rows[0]) if rows else None


def put_letter(
    connection: Any, name: str, position: int, keys: frozenset[str], failures: int = 0, error: str | None = None
) -> None:
    """Put an event aside, in the transaction in which the checkpoint passes it."""
    now = now_ms()
    run(
        connection,
        "INSERT INTO eventfold_dead_letter (name, position, keys, failures, error, put_at, tried_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name, position) DO UPDATE SET failures = excluded.failures, "
        "error = excluded.error, tried_at = excluded.tried_at",
        name,
        position,
        json.dumps([json.loads(key) for key in sorted(keys)]),
        failures,
        error,
        now,
        now if failures else None,
    )


def note_failure(connection: Any, letter: Letter, error: str) -> None:
    """Remember that an event that was put aside failed again, or for the first time."""
    sql = "UPDATE eventfold_dead_letter SET failures = failures + 1, error = ?, tried_at = ? WHERE id = ?"
    run(connection, sql, error, now_ms(), letter.id)


def remove_letter(connection: Any, letter: Letter) -> None:
    """Forget that an event was put aside."""
    run(connection, "DELETE FROM eventfold_dead_letter WHERE id = ?", letter.id)


def held_keys(letters: list[Letter]) -> set[str]:
    """Return the keys of all rows whose events wait."""
    return {key for letter in letters for key in letter.keys}


def key_text(key: tuple[Any, ...]) -> str:
    """Return the key of a row, as the core has it, as JSON: a list of its parts."""
    return json.dumps(list(key), ensure_ascii=False, default=lambda part: part.hex())


def _letter(row: Any) -> Letter:
    number, name, position, keys, *rest = row
    return Letter(number, name, position, frozenset(key_text(tuple(key)) for key in json.loads(keys)), *rest)
