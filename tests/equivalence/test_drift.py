"""Whatever is done to the table of a read model, comparing finds just that, and writing mends it."""

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eventfold import _core

from . import strategies
from .library import Library
from .test_fold_against_oracle import ROWS, Scenario, native_note

VALUES = [None, 0, 1, -7, 2**53 + 1, 99.5, -0.25, "", "x", "0", "{}", "2024-02-29", b"", b"\x00\xff"]
KEYS = [None, 1, 2, 7, "", "a", "2024-02-29", b"a"]
DAMAGES = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.integers(0, 20), st.integers(0, 5), st.sampled_from(VALUES)),
        st.tuples(st.just("key"), st.integers(0, 20), st.integers(0, 1), st.sampled_from(KEYS)),
        st.tuples(st.just("delete"), st.integers(0, 20)),
        st.tuples(st.just("double"), st.integers(0, 20)),
    ),
    max_size=6,
)


def damage(library: Library, spec: dict[str, Any], done: tuple[Any, ...]) -> None:
    """Change one of the rows, if there are that many."""
    what, number, *rest = done
    execute = library.connection.execute
    row = "rowid = (SELECT rowid FROM model ORDER BY rowid LIMIT 1 OFFSET ?)"
    if what == "delete":
        execute(f"DELETE FROM model WHERE {row}", [number])
    elif what == "double":
        execute(f"INSERT INTO model SELECT * FROM model WHERE {row}", [number])
    else:
        columns = spec["columns"] if what == "update" else spec["key"]
        column = columns[rest[0] % len(columns)]["column"]
        execute(f"UPDATE model SET {column} = ? WHERE {row}", [rest[1], number])


def comparable(value: Any) -> tuple[str, Any]:
    """1 and 1.0 are the same to a database; 1, '1' and x'31' are not."""
    return ("number" if isinstance(value, (int, float)) else type(value).__name__, value)


def rows(library: Library, spec: dict[str, Any]) -> list[tuple[Any, Any]]:
    keys = len(spec["key"])
    found = library.connection.execute("SELECT * FROM model ORDER BY rowid")
    return [(tuple(map(comparable, row[:keys])), tuple(map(comparable, row[keys:]))) for row in found]


def expected(spec: dict[str, Any], before: dict[Any, Any], after: list[tuple[Any, Any]]) -> list[Any]:
    """The differences, by a plain look at the rows from before and after."""
    names = [column["column"] for column in spec["columns"]]
    found: list[Any] = []
    seen: Counter[Any] = Counter()
    for key, row in after:
        seen[key] += 1
        if key not in before:
            found.append(("extra", key, ()))
        elif seen[key] == 2:
            found.append(("doubled", key, ()))
        elif seen[key] == 1 and row != before[key]:
            both = zip(names, before[key], row, strict=True)
            found.append(("changed", key, tuple((name, old, new) for name, old, new in both if old != new)))
    return found + [("missing", key, ()) for key in before if key not in seen]


def described(differences: list[Any]) -> list[Any]:
    return [
        (
            what,
            tuple(map(comparable, key.values())),
            tuple((name, comparable(old), comparable(new)) for name, (old, new) in columns.items()),
        )
        for what, key, columns, _ in differences
    ]


@settings(ROWS, max_examples=300)
@given(
    scenario=strategies.scenarios(min_size=5, stored=True)
    | strategies.scenarios(min_size=5, stored=True, handlers=True),
    damages=DAMAGES,
    limit=st.integers(0, 8),
)
def test_verify_finds_just_what_was_damaged_and_a_repair_leaves_nothing(
    library: Library, scenario: Scenario, damages: list[Any], limit: int
) -> None:
    spec, events = scenario
    library.start(spec)
    library.append(events)
    library.replay(spec, native_note)
    right = rows(library, spec)
    for done in damages:
        damage(library, spec, done)
    damaged = rows(library, spec)
    differences = expected(spec, dict(right), damaged)

    replaying = _core.Replay(library.log._log, json.dumps(spec), native_note)
    compared = replaying.compare(10**6)
    found = compared["first"]
    assert Counter(map(repr, described(found))) == Counter(map(repr, differences))
    counts = Counter(what for what, _, _ in differences)
    assert {what: compared[what] for what in ("changed", "extra", "doubled", "missing")} == {
        what: counts[what] for what in ("changed", "extra", "doubled", "missing")
    }
    assert (compared["rows"], compared["until"]) == (len(damaged), library.log.head())
    assert rows(library, spec) == damaged and not library.connection.in_transaction
    assert replaying.compare(limit)["first"] == found[:limit]

    replaying.write()
    assert sorted(rows(library, spec), key=repr) == sorted(right, key=repr)
    again = _core.Replay(library.log._log, json.dumps(spec), native_note).compare(10)
    assert again["first"] == [] and again["rows"] == len(right)
