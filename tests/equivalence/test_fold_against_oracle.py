"""Native fold, replay and inline read models against the oracle, for random specifications and events."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import EventLog, NewEvent, _borrow, _core

from . import oracle, strategies

_borrow.bind(sqlite3)
ROWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None, timeout=20)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        yield connection


@pytest.fixture
def log(connection: sqlite3.Connection) -> EventLog:
    log = EventLog.on(_borrow.borrow(connection, sqlite3))
    log._log.install()
    return log


def start(log: EventLog, connection: sqlite3.Connection, spec: dict[str, Any]) -> None:
    log._log.empty()
    connection.execute("DROP TABLE IF EXISTS model")
    types = {"integer": "INTEGER", "real": "REAL", "text": "TEXT", "any": "", "boolean": "bool"}
    columns = [f"{part['column']} {types[part['kind']]}" for part in [*spec["key"], *spec["columns"]]]
    connection.execute(f"CREATE TABLE model ({', '.join(columns)})")


def rows(connection: sqlite3.Connection, spec: dict[str, Any]) -> dict[Any, tuple[Any, ...]]:
    keys = len(spec["key"])
    found = {}
    for row in connection.execute("SELECT * FROM model"):
        key = row[0] if keys == 1 else row[:keys]
        assert key not in found
        found[key] = row[keys:]
    return found


def as_stored(spec: dict[str, Any], expected: dict[Any, tuple[Any, ...]]) -> dict[Any, tuple[Any, ...]]:
    """A boolean is stored as 0 or 1; an integer beyond 64 bits as text."""

    def stored(value: Any) -> Any:
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return str(value)
        return value

    return {key: tuple(map(stored, row)) for key, row in expected.items()}


def batches(events: list[oracle.Event], size: int) -> Iterator[list[NewEvent]]:
    for at in range(0, len(events), size):
        yield [NewEvent(kind, data) for kind, data in events[at : at + size]]


@ROWS
@given(spec=strategies.specs(), events=st.lists(strategies.events(), max_size=30), threads=st.sampled_from([1, 2]))
def test_the_native_fold_agrees(
    log: EventLog, connection: sqlite3.Connection, spec: dict[str, Any], events: list[oracle.Event], threads: int
) -> None:
    start(log, connection, spec)
    for batch in batches(events, 7):
        log.append(batch)
    folded = _core.fold(log._log, json.dumps(spec), threads)
    assert repr(sorted(folded.to_dict().items())) == repr(sorted(oracle.fold(spec, events).items()))


@ROWS
@given(
    spec=strategies.specs(),
    events=st.lists(strategies.events(), max_size=30),
    size=st.integers(1, 8),
    rolled_back=st.lists(strategies.events(), max_size=4),
)
def test_living_through_events_and_replaying_them_give_the_rows_of_the_oracle(
    log: EventLog,
    connection: sqlite3.Connection,
    spec: dict[str, Any],
    events: list[oracle.Event],
    size: int,
    rolled_back: list[oracle.Event],
) -> None:
    start(log, connection, spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    for index, batch in enumerate(batches(events, size)):
        if index % 2:  # what is rolled back leaves no trace
            connection.execute("BEGIN")
            log._log.append(_core.encode_events([NewEvent(*event) for event in rolled_back]))
            log._log.append(_core.encode_events(batch), read_models=read_models)
            connection.execute("ROLLBACK")
        log._log.append(_core.encode_events(batch), read_models=read_models)
    expected = as_stored(spec, oracle.fold(spec, events))
    lived = rows(connection, spec)
    assert sorted(map(repr, lived.items())) == sorted(map(repr, expected.items()))

    unchanged = _core.Replay(log._log, json.dumps(spec)).write()
    assert (unchanged["inserted"], unchanged["updated"], unchanged["deleted"]) == (0, 0, 0)

    # a table that has drifted in every way comes back to the same rows
    connection.execute("DELETE FROM model WHERE rowid % 3 = 0")
    connection.execute(f"UPDATE model SET {spec['columns'][0]['column']} = 99 WHERE rowid % 3 = 1")
    values = ", ".join(["-7"] * (len(spec["key"]) + len(spec["columns"])))
    connection.execute(f"INSERT INTO model VALUES ({values})")
    written = _core.Replay(log._log, json.dumps(spec)).write()
    assert written["rows"] == len(expected)
    assert sorted(map(repr, rows(connection, spec).items())) == sorted(map(repr, expected.items()))


@settings(ROWS, max_examples=25)
@given(spec=strategies.specs(), events=st.lists(strategies.events(), min_size=5, max_size=30), data=st.data())
def test_ranges_that_are_folded_apart_and_merged_agree(
    log: EventLog, connection: sqlite3.Connection, spec: dict[str, Any], events: list[oracle.Event], data: st.DataObject
) -> None:
    # enough noise between the events that the log is worth several threads, which each get some of them
    start(log, connection, spec)
    noise = [NewEvent("Noise", {})] * (21_000 // len(events))
    for kind, values in events:
        log.append([NewEvent(kind, values), *noise])
    threads = data.draw(st.integers(2, 5))
    folded = _core.fold(log._log, json.dumps(spec), threads)
    assert repr(sorted(folded.to_dict().items())) == repr(sorted(oracle.fold(spec, events).items()))


def test_decimal_sums_are_exact(log: EventLog, connection: sqlite3.Connection) -> None:
    spec = {
        "name": "model",
        "table": "model",
        "key": [{"column": "k", "field": "k", "kind": "integer"}],
        "columns": [strategies.column(0, "decimal", "sum", [["Paid", "amount"]], [], 0) | {"places": 2}],
        "delete_on": [],
        "handlers": [],
        "events": {
            "Paid": {
                "k": {"kind": "integer", "keys": ["k"]},
                "amount": {"kind": "decimal", "keys": ["amount"], "places": 2},
            }
        },
    }
    log._log.empty()
    connection.execute("DROP TABLE IF EXISTS model")
    connection.execute("CREATE TABLE model (k INTEGER, c0 DECIMAL)")
    read_models = _core.ReadModels([json.dumps(spec)], {})
    for _ in range(1000):
        log._log.append(_core.encode_events([("Paid", {"k": 1, "amount": "0.10"})]), read_models=read_models)
    assert rows(connection, spec) == {1: (100,)}
    log._log.append(_core.encode_events([("Paid", {"k": 1, "amount": "0.07"})]), read_models=read_models)
    assert rows(connection, spec) == {1: (100.07,)}
    assert _core.Replay(log._log, json.dumps(spec)).write()["updated"] == 0
