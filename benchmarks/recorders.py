"""What Python programs append with instead: sqlite3 and orjson by hand, and the recorder of eventsourcing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks.measure import timed
from eventfold import NewEvent


def by_hand(path: Path, events: list[NewEvent]) -> float:
    """A table without any index, filled by executemany. Returns microseconds an event."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "CREATE TABLE event (position INTEGER PRIMARY KEY, type TEXT NOT NULL, data BLOB NOT NULL)"
        )

        def append() -> None:
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO event (type, data) VALUES (?, ?)",
                ((event.type, orjson.dumps(event.data)) for event in events),
            )
            connection.execute("COMMIT")

        return timed(append, len(events))


def by_eventsourcing(path: Path, events: list[NewEvent]) -> float:
    """Its recorder, given events that are encoded already. Returns microseconds an event."""
    path.unlink(missing_ok=True)
    versions: dict[str, int] = {}
    stored = []
    for event in events:
        stream = event.stream or ""
        versions[stream] = versions.get(stream, 0) + 1
        stored.append(StoredEvent(stream, versions[stream], event.type, orjson.dumps(event.data)))
    with closing(SQLiteDatastore(str(path))) as datastore:
        recorder = SQLiteApplicationRecorder(datastore)
        recorder.create_table()
        with datastore.get_connection(commit=False) as connection:
            connection.cursor().execute("PRAGMA synchronous = NORMAL")
        return timed(lambda: recorder.insert_events(stored), len(events))
