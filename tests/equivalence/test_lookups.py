"""Rows of another projection that are looked up: as if that had been folded up to the event before, by the oracle."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import ProjectionError, _core

from . import oracle
from .library import Library, as_text

ROWS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Scenario = tuple[dict[str, Any], list[Any]]
NAME = "what of Other"
TYPES = ["Joined", "Moved", "Lent"]
WHO = st.sampled_from(["ann", "bob", ""])
VALUES: dict[str, tuple[str, st.SearchStrategy[Any], list[str]]] = {
    "number": ("integer", st.integers(-5, 5), ["latest", "first", "sum", "min", "max"]),
    "text": ("text", st.sampled_from(["a", "b", "č" * 20]), ["latest", "first", "min", "max"]),
    "amount": ("decimal", st.integers(-99, 99).map(lambda units: f"{units / 100:.2f}"), ["latest", "sum", "max"]),
    "real": ("real", st.sampled_from([0.1, 0.2, -3.0, 1e300]), ["latest", "sum"]),
    "flag": ("boolean", st.booleans(), ["latest", "first"]),
}
KEYS = {"who": "text", "at": "integer"}


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    field = draw(st.sampled_from(sorted(VALUES)))
    kind, _, operations = VALUES[field]
    op = draw(st.sampled_from([*operations, "count"]))
    kind = "integer" if op == "count" else kind
    keys = draw(st.sampled_from([["who"], ["who", "at"]]))
    described: dict[str, Any] = {name: {"kind": of, "keys": [name]} for name, (of, *_) in VALUES.items()}
    described["amount"]["places"] = 2
    described |= {name: {"kind": of, "keys": [name]} for name, of in KEYS.items()}
    selections = st.sampled_from(["Moved", ["Moved", ["gt", "number", 0]], ["Lent", ["exact", "who", "bob"]]])
    sources = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True))
    filters = [draw(st.sampled_from([{}, {"filter": ["gt", "number", 0]}])) for _ in sources]
    column = {
        "column": "what",
        "kind": kind,
        "op": op,
        "from": [
            [each, None if op == "count" else field, *([more] if more else [])]
            for each, more in zip(sources, filters, strict=True)
        ],
        "cleared_by": draw(st.lists(selections, max_size=1)),
        "initial": draw(st.sampled_from([0, 3])) if op in ("count", "sum") else None,
    } | ({"places": 2} if kind == "decimal" else {})
    rows = {"column": "rows", "kind": "integer", "op": "count", "from": [[draw(st.sampled_from(TYPES)), None]]}
    read = {name: each for name, each in described.items() if name != "at" or "at" in keys}
    other = {
        "name": "Other",
        "table": "other",
        "key": [{"column": name, "field": name, "kind": KEYS[name]} for name in keys],
        "columns": [column, {**rows, "cleared_by": [], "initial": 0}],
        "delete_on": draw(st.lists(st.sampled_from(["Joined", ["Lent", ["gt", "number", 3]]]), max_size=1)),
        "handlers": [],
        "events": dict.fromkeys(TYPES, read),
    }
    by_lookup = kind in ("integer", "text") and draw(st.booleans())
    there = {"filter": ["isnull", "looked", False]} if by_lookup else {}
    takes = [["latest", kind]] + ([["sum", kind]] if kind in ("integer", "decimal") else [])
    columns = [
        {"column": f"c{index}", "kind": of, "op": each, "cleared_by": [], "initial": 0 if each == "sum" else None}
        | {"from": [[name, "looked", *([there] if there else [])] for name in ("Lent", "Moved")]}
        | ({"places": 2} if of == "decimal" else {})
        for index, (each, of) in enumerate(takes)
    ]
    lookup = ["lookup", NAME, kind, 2 if kind == "decimal" else None, *keys]
    spec = {
        "name": "model",
        "table": "model",
        "key": [
            {"column": "key", "field": "looked", "kind": kind}
            if by_lookup
            else {"column": "key", "field": "number", "kind": "integer"}
        ],
        "columns": columns,
        "delete_on": [],
        "handlers": [],
        "events": {
            name: {"number": described["number"]}
            | {each: described[each] for each in keys}
            | {"looked": {"value": lookup}}
            for name in ("Lent", "Moved")
        },
        "lookups": [{"name": NAME, "column": "what", "projection": other}],
    }
    values = st.fixed_dictionaries(
        {
            "who": WHO,
            "at": st.integers(0, 1),
            **{name: each if name == "number" else each | st.none() for name, (_, each, _) in VALUES.items()},
        }
    )
    size = draw(st.sampled_from([0, 15]))
    return spec, draw(st.lists(st.tuples(st.sampled_from(TYPES), values), min_size=size, max_size=25))


def expected(spec: dict[str, Any], recorded: list[oracle.Event]) -> oracle.Rows:
    other = spec["lookups"][0]["projection"]
    seen = []
    for number, (kind, data, position, created) in enumerate(recorded):
        rows = oracle.fold(other, recorded[:number])
        key = tuple(data[part["field"]] for part in other["key"])
        row = rows.get(key[0] if len(key) == 1 else key)
        looked = None if row is None else row[0]
        if other["columns"][0]["kind"] == "real" and looked is not None:
            looked = float(looked)  # also the initial value, which the specification may write as 0
        seen.append((kind, {**data, "looked": looked}, position, created))
    plain = {"kind": "any", "keys": ["looked"]}
    events = {kind: {**fields, "looked": plain} for kind, fields in spec["events"].items()}
    return oracle.fold({**spec, "events": events}, seen)


def copy(library: Library) -> list[Any]:
    return library.connection.execute("SELECT * FROM eventfold_lookup ORDER BY 1, 2, 3").fetchall()


@ROWS
@given(scenario=scenarios(), size=st.integers(1, 9))
def test_what_is_looked_up_is_what_the_other_projection_had_before_the_event(
    library: Library, scenario: Scenario, size: int
) -> None:
    spec, events = scenario
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    for at in range(0, len(events), size):
        library.append(events[at : at + size], read_models)
    wanted = expected(spec, library.recorded(events))
    assert library.fold(spec) == wanted
    stored = {key: tuple(int(v) if isinstance(v, bool) else v for v in row) for key, row in wanted.items()}
    assert library.table(spec) == stored
    lived = copy(library)
    head = library.log.head()

    assert _core.Replay(library.log._log, json.dumps(spec)).compare(10, head)["first"] == []
    assert library.replay(spec)["updated"] == 0
    library.connection.execute("DELETE FROM eventfold_lookup WHERE key = 'ann'")
    library.connection.execute("UPDATE eventfold_lookup SET value = 'x'")
    drifted = _core.Replay(library.log._log, json.dumps(spec)).compare(100, head)
    assert drifted["kept"] == len(lived) == len(drifted["first"])
    # beside others, in one reading
    replays = [_core.Replay(library.log._log, json.dumps(spec)) for _ in range(2)]
    _core.scan_together(library.log._log, replays)
    written = replays[0].write()
    assert written["inserted"] + written["updated"] + written["deleted"] == len(lived)
    assert copy(library) == lived
    assert as_text(library.table(spec)) == as_text(stored)
    assert _core.Replay(library.log._log, json.dumps(spec)).compare(10)["first"] == []


def test_a_lookup_that_is_not_described_is_refused() -> None:
    spec, _ = scenario_of_nothing()
    with pytest.raises(ProjectionError, match='no lookup "what of Other"'):
        _core.mergeable(json.dumps({**spec, "lookups": []}))
    other = spec["lookups"][0]["projection"]
    for broken, said in [
        ({"column": "nothing"}, "of no column that holds one value"),
        ({"projection": {**other, "key": [*other["key"], *other["key"]]}}, "a key of another number of parts"),
        ({"projection": spec}, "of a projection that has lookups"),
    ]:
        with pytest.raises(ProjectionError, match=said):
            _core.mergeable(json.dumps({**spec, "lookups": [{**spec["lookups"][0], **broken}]}))


def test_ranges_of_the_log_are_not_folded_apart() -> None:
    spec, _ = scenario_of_nothing()
    assert not _core.mergeable(json.dumps(spec))


def scenario_of_nothing() -> Scenario:
    described = {name: {"kind": "text", "keys": [name]} for name in ("who", "city")}
    columns = [{"column": "what", "kind": "text", "op": "latest", "from": [["Joined", "city"]]}]
    other = {
        "name": "Other",
        "table": "other",
        "key": [{"column": "who", "field": "who", "kind": "text"}],
        "columns": [{**each, "cleared_by": [], "initial": None} for each in columns],
        "delete_on": [],
        "handlers": [],
        "events": {"Joined": described},
    }
    looked = {"value": ["lookup", NAME, "text", None, "who"]}
    spec = {
        **other,
        "columns": [{**columns[0], "from": [["Lent", "looked"]], "cleared_by": [], "initial": None}],
        "events": {"Lent": {"who": described["who"], "looked": looked}},
        "lookups": [{"name": NAME, "column": "what", "projection": other}],
    }
    return spec, []
