"""A replay that goes on from what was saved, against the oracle: what came before cannot even be read any more."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import NewEvent, _core

from . import collected, oracle, strategies, test_distinct, test_lookups
from .library import Library, as_stored, as_text
from .test_fold_against_oracle import native_note, oracle_note

ROWS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Scenario = tuple[dict[str, Any], list[Any]]


def begin(library: Library, spec: dict[str, Any], at: int, handler: Callable[..., None] | None = None) -> None:
    """Let a replay save what follows from the first events, and die; then damage these."""
    replay = _core.Replay(library.log._log, json.dumps(spec), handler, 1)
    replay.read_at_a_time(at * 16 if spec["handlers"] else at)
    assert replay.save_each(0, "definition") == 0
    replay.scan()
    ((position,),) = library.connection.execute("SELECT position FROM eventfold_replay")
    assert position >= at
    # by a disk, say: who changes an event voids what is saved
    library.connection.execute("DROP TRIGGER IF EXISTS eventfold_event_changed")
    library.connection.execute("INSERT INTO eventfold_unlocked VALUES ('test')")
    library.connection.execute("UPDATE eventfold_event SET data = '{' WHERE position <= ?", [position])
    library.connection.execute("DELETE FROM eventfold_unlocked")


def go_on(library: Library, spec: dict[str, Any], handler: Callable[..., None] | None = None) -> None:
    replay = _core.Replay(library.log._log, json.dumps(spec), handler, 1)
    assert replay.save_each(10, "definition") > 0
    replay.write()


def start(library: Library, spec: dict[str, Any], events: list[Any], share: float) -> int:
    """Append the events, and one that nobody reads; return the position of one that is not the last."""
    library.start(spec)
    library.append(events)
    library.log.append([NewEvent("Noise", {})])
    head = library.log.head()
    return head - 1 - int(share * (len(events) - 1))


@ROWS
@given(
    scenario=strategies.scenarios(min_size=2, stored=True)
    | strategies.scenarios(min_size=2, stored=True, handlers=True),
    share=st.floats(0, 1),
)
def test_rows_are_those_of_a_replay_in_one_go(library: Library, scenario: Scenario, share: float) -> None:
    spec, events = scenario
    at = start(library, spec, events, share)
    recorded = library.recorded([*events, ("Noise", {})])
    expected = as_text(as_stored(spec, oracle.fold(spec, recorded, oracle_note)))
    begin(library, spec, at, native_note)
    go_on(library, spec, native_note)
    assert as_text(library.table(spec)) == expected


@ROWS
@given(scenario=collected.scenarios(min_size=2), share=st.floats(0, 1))
def test_columns_that_hold_many_values_go_on(library: Library, scenario: Scenario, share: float) -> None:
    spec, events = scenario
    at = start(library, spec, events, share)
    expected = as_text(collected.fold(spec, library.recorded([*events, ("Noise", {})])))
    begin(library, spec, at)
    go_on(library, spec)
    assert as_text(library.table(spec)) == expected


def goes_on_with(
    library: Library, scenario: Scenario, share: float, table: str, kept: Callable[[Library], Any]
) -> None:
    """A replay that is killed comes to the rows, and to what `kept` reads beside them, of one that is not."""
    spec, events = scenario
    at = start(library, spec, events, share)
    library.replay(spec)
    expected, beside = as_text(library.table(spec)), kept(library)
    library.connection.executescript(f"DELETE FROM model; DELETE FROM {table}")
    begin(library, spec, at)
    go_on(library, spec)
    assert as_text(library.table(spec)) == expected
    assert kept(library) == beside


@ROWS
@given(scenario=test_distinct.scenarios(min_size=2), share=st.floats(0, 1))
def test_what_is_kept_of_different_values_goes_on(library: Library, scenario: Scenario, share: float) -> None:
    goes_on_with(library, scenario, share, "eventfold_distinct", test_distinct.kept)


@ROWS
@given(scenario=test_lookups.scenarios(), share=st.floats(0, 1))
def test_what_is_looked_up_goes_on(library: Library, scenario: Scenario, share: float) -> None:
    if len(scenario[1]) < 2:
        return
    goes_on_with(library, scenario, share, "eventfold_lookup", test_lookups.copy)


@pytest.mark.parametrize("kind", ["real", "decimal", "any"])
def test_sums_have_the_last_bit_of_those_in_one_go(library: Library, kind: str) -> None:
    column = {"column": "c0", "kind": kind, "op": "sum", "from": [["Paid", "amount"]], "cleared_by": [], "initial": 0}
    places = {"places": 2} if kind == "decimal" else {}
    fields = {"key": {"kind": "integer", "keys": ["key"]}, "amount": {"kind": kind, "keys": ["amount"], **places}}
    spec = {
        "name": "model",
        "table": "model",
        "key": [{"column": "key", "field": "key", "kind": "integer"}],
        "columns": [{**column, **places}],
        "delete_on": [],
        "handlers": [],
        "events": {"Paid": fields},
    }
    events = [("Paid", {"key": n % 3, "amount": round(n / 7, 2) * 10 ** (n % 9)}) for n in range(400)]
    at = start(library, spec, events, 0.5)
    expected = as_text(library.fold(spec, 1))
    begin(library, spec, at)
    go_on(library, spec)
    assert as_text(library.table(spec)) == expected
