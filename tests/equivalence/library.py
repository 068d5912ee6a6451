"""A log and the table of a read model, filled and read back."""

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from eventfold import EventfoldError, EventLog, NewEvent, _core

from . import oracle

COLUMN_TYPES = {"integer": "INTEGER", "duration": "INTEGER", "real": "REAL", "decimal": "DECIMAL", "boolean": "bool"}
COLUMN_TYPES |= {"binary": "BLOB", "any": ""}


@dataclass
class Library:
    connection: sqlite3.Connection
    log: EventLog

    def start(self, spec: dict[str, Any]) -> None:
        """Begin again with an empty log and an empty table."""
        self.log._log.empty()
        self.connection.execute("DROP TABLE IF EXISTS model")
        columns = [*spec["key"], *spec["columns"]]
        types = ", ".join(f"{column['column']} {COLUMN_TYPES.get(column['kind'], 'TEXT')}" for column in columns)
        self.connection.execute(f"CREATE TABLE model ({types})")

    def append(self, events: Iterable[tuple[str, dict[str, Any]]], read_models: _core.ReadModels | None = None) -> None:
        batch = _core.encode_events([NewEvent(kind, data) for kind, data in events])
        self.log._log.append(batch, read_models=read_models)

    def recorded(self, events: Iterable[tuple[str, dict[str, Any]]]) -> list[oracle.Event]:
        """Return the events with the positions and times that they got."""
        rows = self.log._log.read()
        return [
            (kind, data, row[0], str(datetime(1970, 1, 1) + timedelta(microseconds=row[6])))
            for (kind, data), row in zip(events, rows, strict=True)
        ]

    def fold(self, spec: dict[str, Any], threads: int = 2) -> oracle.Rows:
        """Fold the events as they stand in the log, and out of segments of several sizes, which must give the same."""
        rows = self._fold(spec, threads)
        head = self.log.head()
        for positions in (max(head // 20, 1), head // 2 + 1):
            self.log.seal(positions=positions)
            sealed = self._fold(spec, threads)
            self.log.unseal()
            assert repr(sealed) == repr(rows)
        if isinstance(rows, Exception):
            raise rows
        return rows

    def _fold(self, spec: dict[str, Any], threads: int) -> oracle.Rows | EventfoldError:
        try:
            return _core.fold(self.log._log, json.dumps(spec), threads).to_dict()
        except EventfoldError as error:
            return error

    def replay(self, spec: dict[str, Any], handler: Callable[..., None] | None = None) -> dict[str, int]:
        return _core.Replay(self.log._log, json.dumps(spec), handler).write()

    def table(self, spec: dict[str, Any]) -> oracle.Rows:
        """Return the rows of the table; lists and objects as such, as the oracle has them."""
        keys = len(spec["key"])
        found: oracle.Rows = {}
        for row in self.connection.execute("SELECT * FROM model"):
            key = row[0] if keys == 1 else row[:keys]
            assert key not in found
            found[key] = tuple(
                json.loads(value) if column["kind"] == "json" and value is not None else value
                for column, value in zip(spec["columns"], row[keys:], strict=True)
            )
        return found


def as_stored(spec: dict[str, Any], expected: oracle.Rows) -> oracle.Rows:
    """A boolean is stored as 0 or 1; an integer beyond 64 bits as text."""

    def stored(column: dict[str, Any], value: Any) -> Any:
        if column["kind"] == "json":
            return value
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return str(value)
        return value

    return {key: tuple(map(stored, spec["columns"], row)) for key, row in expected.items()}


def as_text(rows: oracle.Rows) -> list[str]:
    """To compare by: 1, 1.0 and True are not the same, nor are 0.0 and -0.0."""
    return sorted(repr(item) for item in rows.items())
