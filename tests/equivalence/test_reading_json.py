"""What is read out of an event's data, however its JSON is written, is what Python's json reads."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .library import Library
from .strategies import TEXTS, TREES

ROWS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SPEC: dict[str, Any] = {
    "name": "model",
    "table": "model",
    "key": [{"column": "k", "field": "k", "kind": "integer"}],
    "columns": [
        {"column": name, "kind": "any", "op": "latest", "from": [["Any", name]], "cleared_by": []} for name in "ab"
    ],
    "delete_on": [],
    "handlers": [],
    "events": {"Any": {name: {"kind": "any", "keys": [name]} for name in ("k", "a", "b")}},
}


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    data = draw(st.dictionaries(st.sampled_from(["a", "b", "ab", "k ", '"', "č"]) | TEXTS, TREES, max_size=6))
    data = {"k": 1} | data if draw(st.booleans()) else data | {"k": 1}
    compact = draw(st.booleans())
    return data, json.dumps(
        data,
        ensure_ascii=draw(st.booleans()),
        indent=None if compact else draw(st.sampled_from([None, 1, "\t"])),
        separators=(",", ":") if compact else None,
    )


@ROWS
@given(rows=st.lists(written(), min_size=1, max_size=6))
def test_any_json_is_read_as_python_reads_it(library: Library, rows: list[tuple[dict[str, Any], str]]) -> None:
    library.start(SPEC)
    library.append([("Any", {"k": index}) for index in range(len(rows))])
    connection = library.connection
    connection.execute("BEGIN")
    connection.execute("INSERT INTO eventfold_unlocked VALUES ('test')")
    positions = [row[0] for row in library.log._log.read()]
    for index, (position, (_, text)) in enumerate(zip(positions, rows, strict=True)):
        own_key = text.replace('"k":1', f'"k":{index}').replace('"k": 1', f'"k": {index}')
        connection.execute("UPDATE eventfold_event SET data = ? WHERE position = ?", (own_key, position))
    connection.execute("DELETE FROM eventfold_unlocked")
    connection.execute("COMMIT")
    expected = {index: (data.get("a"), data.get("b")) for index, (data, _) in enumerate(rows)}
    assert repr(library.fold(SPEC)) == repr(expected)


KEYS: list[Any] = [0, -0.0, 0.0, False, 1, 1.0, True, "1", "", 2**70, -1, -1.5, 2**63, 2**63 - 1, "é"]


@ROWS
@given(keys=st.lists(st.sampled_from(KEYS), max_size=20))
def test_keys_are_the_same_where_python_takes_them_for_the_same(library: Library, keys: list[Any]) -> None:
    library.start(SPEC)
    library.append([("Any", {"k": key, "a": index}) for index, key in enumerate(keys)])
    expected = {key: (index, None) for index, key in enumerate(keys)}
    folded = library.fold(SPEC)
    assert folded == expected
    assert [repr(key) for key in folded] == [repr(key) for key in expected]
