"""Numbers of different values, and the values that are kept beside the rows: native against sets in Python."""

import json
import sqlite3
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import NewEvent, ProjectionError, _core

from . import oracle, strategies
from .library import Library

ROWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Scenario = tuple[dict[str, Any], list[Any]]
TYPES = ["Added", "Borrowed", "Returned"]
SAME = [0, 0.0, -0.0, False, 1, 1.0, True, "1", "", "a", "A", "ä", "1.0", 2**53, float(2**53), 2**53 + 1]
BEYOND = [2**63, float(2**63), 2**64 + 1, str(2**64 + 1), -(2**64), 1e300, 10**300]
FIELDS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "mixed": ("any", st.sampled_from(SAME + BEYOND) | st.integers(-3, 3)),
    "number": ("integer", st.integers(-2, 20) | strategies.INTEGERS),
    "text": ("text", st.sampled_from(["a", "ab", 'Ž"\n', ""]) | strategies.TEXTS),
    "real": ("real", strategies.FLOATS | st.integers(-2, 2)),
    "amount": ("decimal", st.sampled_from(["1.00", "1.50", "-1.00"]) | strategies.DECIMALS),
    "flag": ("boolean", st.booleans()),
    "raw": ("binary", st.binary(max_size=2).map(bytes.hex)),
}
KEYS: dict[str, tuple[str, list[Any]]] = {
    "book": ("integer", [0, 1]),
    "place": ("text", ["", "a;t1:b", 'č\n"\\']),
    "price": ("real", [1, 1.5, -0.0]),
    "code": ("binary", ["", "00ff"]),
}


@st.composite
def columns(draw: st.DrawFn, index: int) -> dict[str, Any]:
    field = draw(st.sampled_from(sorted(FIELDS)))
    others = [field] if field == "raw" else sorted(FIELDS.keys() - {"raw"})
    sources = []
    for kind in draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=2)):
        filters = draw(st.sampled_from([{}, {"filter": ["gt", "number", 2]}]))
        sources.append([kind, draw(st.just(field) | st.sampled_from(others)), *([filters] if filters else [])])
    return {
        "column": f"c{index}",
        "kind": draw(st.sampled_from(["integer", "integer", "real"])),
        "op": "distinct",
        "from": sources,
        "cleared_by": draw(st.lists(st.sampled_from([*TYPES, ["Returned", ["gt", "number", 2]]]), max_size=1)),
        "initial": draw(st.sampled_from([0, 0, 3, None])),
    }


@st.composite
def scenarios(draw: st.DrawFn, min_size: int = 0) -> Scenario:
    keys = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=3, unique=True))
    made = [draw(columns(index)) for index in range(draw(st.integers(1, 3)))]
    described = {name: strategies.described(kind, name) for name, (kind, *_) in (FIELDS | KEYS).items()}
    spec = {
        "name": "model",
        "table": "model",
        "key": [{"column": name, "field": name, "kind": KEYS[name][0]} for name in keys],
        "columns": [*made, strategies.column(9, "integer", "count", [[kind, None] for kind in TYPES], [])],
        "delete_on": draw(st.sampled_from([[], ["Removed"]])),
        "handlers": [],
        "events": dict.fromkeys([*TYPES, "Removed"], described),
    }
    size = max(min_size, draw(st.sampled_from([0, 12, 25])))  # Hypothesis alone makes short lists
    return spec, draw(st.lists(events(keys), min_size=size, max_size=40))


@st.composite
def events(draw: st.DrawFn, keys: list[str]) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from([*TYPES, *TYPES, *TYPES, "Removed"]))
    values = {name: draw(values | st.none()) for name, (_, values) in FIELDS.items()}
    return kind, {name: draw(st.sampled_from(KEYS[name][1])) for name in keys} | values


class Row:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.counted: dict[str, set[Any]] = defaultdict(set)
        self.begun = {column["column"]: column["initial"] for column in spec["columns"]}
        self.events = 0


def lived(spec: dict[str, Any], recorded: list[oracle.Event]) -> dict[Any, Row]:
    """Rows, whose values Python's sets tell apart: as to SQL, 1, 1.0 and True are the same."""
    rows: dict[Any, Row] = {}
    for event in recorded:
        key = tuple(oracle.value_of(spec, event, part["field"]) for part in spec["key"])
        if any(oracle.selects(spec, event, each) for each in spec["delete_on"]):
            rows.pop(key, None)
        for column in spec["columns"]:
            if key in rows and any(oracle.selects(spec, event, each) for each in column["cleared_by"]):
                rows[key].counted[column["column"]] = set()
                rows[key].begun[column["column"]] = column["initial"]
        for column in spec["columns"][:-1]:
            for kind, field, *more in column["from"]:
                if not oracle.selects(spec, event, [kind, *(each["filter"] for each in more)]):
                    continue
                value = oracle.value_of(spec, event, field)
                row = rows.setdefault(key, Row(spec))
                if value is not None:
                    row.counted[column["column"]].add(value)
        if event[0] in TYPES:
            rows.setdefault(key, Row(spec)).events += 1
    return rows


def numbers(spec: dict[str, Any], rows: dict[Any, Row]) -> dict[Any, Any]:
    def number(row: Row, name: str) -> Any:
        counted = row.counted[name]
        return (row.begun[name] or 0) + len(counted) if counted else row.begun[name]

    return {
        key if len(key) > 1 else key[0]: (*(number(row, each["column"]) for each in spec["columns"][:-1]), row.events)
        for key, row in rows.items()
    }


def kept(library: Library) -> list[Any]:
    """What is kept beside the rows."""
    sql = "SELECT name, key, column_name, typeof(value), value FROM eventfold_distinct ORDER BY 1, 2, 3, 5"
    return library.connection.execute(sql).fetchall()


def kept_by_column(library: Library, name: str) -> Counter[Any]:
    sql = "SELECT value FROM eventfold_distinct WHERE column_name = ?"
    return Counter(value for (value,) in library.connection.execute(sql, [name]))


def said(row: Any) -> Any:
    """A value as the table has it: a whole number that neither an integer nor a double is, as a blob of its digits."""
    if isinstance(row, int) and not -(2**63) <= row < 2**63:
        return float(row) if abs(row) < 2**1023 and int(float(row)) == row else str(row).encode()
    return row


@ROWS
@given(scenario=scenarios(), size=st.integers(1, 9), damages=st.lists(st.integers(0, 5), max_size=3))
def test_numbers_and_values_are_those_of_sets_inline_replayed_and_repaired(
    library: Library, scenario: Scenario, size: int, damages: list[int]
) -> None:
    spec, events = scenario
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    for at in range(0, len(events), size):
        library.append(events[at : at + size], read_models)
    rows = lived(spec, library.recorded(events))
    expected = numbers(spec, rows)
    assert library.fold(spec) == expected
    assert library.table(spec) == expected
    for column in spec["columns"][:-1]:
        name = column["column"]
        assert kept_by_column(library, name) == Counter(
            said(value) for row in rows.values() for value in row.counted[name]
        )
    stored = kept(library)

    assert _core.Replay(library.log._log, json.dumps(spec)).compare(10, library.log.head())["first"] == []
    unchanged = library.replay(spec)
    assert (unchanged["inserted"], unchanged["updated"], unchanged["deleted"]) == (0, 0, 0)

    for damage in damages:
        damaged(library, spec, damage)
    compared = _core.Replay(library.log._log, json.dumps(spec)).compare(100, library.log.head())
    differ = sum(compared[kind] for kind in ("changed", "extra", "doubled", "missing"))
    assert len(compared["first"]) == min(differ, 100)
    assert (differ > 0) == (kept(library) != stored or library.table(spec) != expected)
    written = library.replay(spec)
    assert written["inserted"] + written["updated"] + written["deleted"] == differ
    assert library.table(spec) == expected
    assert kept(library) == stored


def damaged(library: Library, spec: dict[str, Any], damage: int) -> None:
    first = spec["columns"][0]["column"]
    library.connection.execute(
        [
            "DELETE FROM eventfold_distinct WHERE rowid IS NULL",
            "DELETE FROM eventfold_distinct WHERE value = (SELECT min(value) FROM eventfold_distinct)",
            "INSERT OR IGNORE INTO eventfold_distinct SELECT name, key, column_name, 'nobody' FROM eventfold_distinct",
            "INSERT OR IGNORE INTO eventfold_distinct SELECT name, 'no key', 'c7', value FROM eventfold_distinct",
            "DELETE FROM model WHERE rowid % 2 = 0",
            f"UPDATE model SET {first} = ifnull({first}, 0) + 1 WHERE rowid % 2 = 1",
        ][damage].replace("WHERE rowid IS NULL", "WHERE column_name = 'c1'")
    )


@settings(ROWS, max_examples=30)
@given(scenario=scenarios(min_size=5), threads=st.integers(2, 5))
def test_ranges_that_are_folded_apart_and_merged_agree(library: Library, scenario: Scenario, threads: int) -> None:
    spec, events = scenario
    library.start(spec)
    noise = [NewEvent("Noise", {})] * (21_000 // len(events))
    for event in events:
        library.log.append([NewEvent(*event), *noise])
    with_noise = [each for event in events for each in (event, *((other.type, other.data) for other in noise))]
    recorded = [event for event in library.recorded(with_noise) if event[0] != "Noise"]
    assert _core.mergeable(json.dumps(spec))
    assert library.fold(spec, threads) == numbers(spec, lived(spec, recorded))


def simple(**more: Any) -> dict[str, Any]:
    described = {"book": {"kind": "integer", "keys": ["book"]}, "by": {"kind": "any", "keys": ["by"]}}
    return {
        "name": "model",
        "table": "model",
        "key": [{"column": "book", "field": "book", "kind": "integer"}],
        "columns": [
            {"column": "readers", "kind": "integer", "op": "distinct", "from": [["Borrowed", "by"]]}
            | {"cleared_by": [], "initial": 0}
        ],
        "delete_on": ["Removed"],
        "handlers": [],
        "events": {"Borrowed": described, "Removed": described},
    } | more


def borrow(*names: Any, book: int = 7) -> list[Any]:
    return [("Borrowed", {"book": book, "by": name}) for name in names]


def test_an_append_asks_for_the_values_of_its_events_alone(library: Library) -> None:
    spec = simple()
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    library.append(borrow(*range(1000)), read_models)
    # a value that was taken away by hand is one that the row has not counted, and only this one is looked at
    library.connection.execute("DELETE FROM eventfold_distinct WHERE value IN (3, 4)")
    library.append(borrow(3, 999), read_models)
    assert library.table(spec) == {7: (1001,)}
    assert library.connection.execute("SELECT count(*) FROM eventfold_distinct").fetchone() == (999,)


def test_what_a_row_left_behind_does_not_count_for_a_new_one(library: Library) -> None:
    spec = simple()
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    library.append(borrow("ann", "bob"), read_models)
    library.connection.execute("DELETE FROM model")
    library.append(borrow("ann"), read_models)
    assert library.table(spec) == {7: (1,)}
    assert [row[-1] for row in kept(library)] == ["ann"]


def test_a_row_that_is_deleted_takes_its_values_along(library: Library) -> None:
    spec = simple()
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    library.append([*borrow("ann", "bob"), *borrow("eve", book=8)], read_models)
    library.append([("Removed", {"book": 7})], read_models)
    assert [row[-1] for row in kept(library)] == ["eve"]
    library.append([("Removed", {"book": 8}), *borrow("zoe", book=8)], read_models)
    assert [row[-1] for row in kept(library)] == ["zoe"]


def test_a_replay_while_others_append_writes_what_they_said(library: Library) -> None:
    spec = simple()
    library.start(spec)
    library.append([*borrow("ann", "bob"), *borrow("eve", book=8)])
    replay = _core.Replay(library.log._log, json.dumps(spec))
    replay.scan()
    library.append([*borrow("ann", "zoe"), ("Removed", {"book": 8})])
    assert replay.write()["rows"] == 1
    assert library.table(spec) == {7: (3,)}
    assert [row[-1] for row in kept(library)] == ["ann", "bob", "zoe"]


def test_rows_of_given_keys_are_mended_with_their_values(library: Library) -> None:
    spec = simple()
    library.start(spec)
    library.append([*borrow("ann", "bob"), *borrow("eve", book=8)])
    library.replay(spec)
    library.connection.execute("DELETE FROM eventfold_distinct")
    replay = _core.Replay(library.log._log, json.dumps(spec))
    assert replay.compare(10, None, [(7,)])["first"] == [("changed", {"book": 7}, {}, {"readers": (2, 0)})]
    assert replay.write_rows([(7,)])["updated"] == 1
    assert [row[-1] for row in kept(library)] == ["ann", "bob"]


def test_a_rule_in_python_sees_the_number_and_cannot_set_it(library: Library) -> None:
    spec = simple(handlers=["Borrowed"])
    library.start(spec)
    seen = []

    def look(row: dict[str, Any], event: Any) -> None:
        seen.append(row["readers"])
        if row["readers"] == 3:
            row["readers"] = 99

    read_models = _core.ReadModels([json.dumps(spec)], {"model": look})
    for name in ("ann", "ann", "bob"):
        library.append(borrow(name), read_models)
    assert seen == [1, 1, 2]
    with pytest.raises(ProjectionError, match='"readers" is a number of different values, which an @on method cannot'):
        library.append(borrow("eve"), read_models)
    assert library.table(spec) == {7: (2,)}


def test_a_log_that_was_not_migrated_says_so(library: Library) -> None:
    spec = simple()
    library.start(spec)
    library.connection.execute("DROP TABLE eventfold_distinct")
    with pytest.raises(ProjectionError, match=r"by a release that kept none: run `manage\.py migrate`"):
        library.append(borrow("ann"), _core.ReadModels([json.dumps(spec)], {}))
    with pytest.raises(ProjectionError, match=r"run `manage\.py migrate`"):
        library.replay(spec)
    library.log._log.install()
    library.append(borrow("ann"), _core.ReadModels([json.dumps(spec)], {}))
    assert library.table(spec) == {7: (1,)}


def test_bytes_and_other_values_are_not_compared(library: Library) -> None:
    described = {"book": {"kind": "integer", "keys": ["book"]}, "raw": {"kind": "binary", "keys": ["raw"]}}
    spec = simple()
    spec["events"]["Sold"] = described
    spec["columns"][0]["from"].append(["Sold", "raw"])
    with pytest.raises(ProjectionError, match="readers compares bytes with other values"):
        _core.mergeable(json.dumps(spec))


def test_the_values_can_be_asked_for_with_sql(library: Library) -> None:
    spec = simple()
    library.start(spec)
    library.append(borrow("ann", "bob", "ann"))
    library.replay(spec)
    rows = library.connection.execute("SELECT value FROM eventfold_distinct WHERE name = 'model' AND key = 7")
    assert [value for (value,) in rows] == ["ann", "bob"]
    with pytest.raises(sqlite3.IntegrityError):
        library.connection.execute("INSERT INTO eventfold_distinct VALUES ('model', 7, 'readers', NULL)")
