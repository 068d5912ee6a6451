"""Columns that hold many values: native fold, inline read models, replay and merged ranges against plain Python."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import NewEvent, _core

from . import collected
from .library import Library, as_text

ROWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Scenario = tuple[dict[str, Any], list[Any]]


@ROWS
@given(scenario=collected.scenarios(), size=st.integers(1, 8))
def test_living_through_events_and_replaying_them_give_the_rows_of_the_oracle(
    library: Library, scenario: Scenario, size: int
) -> None:
    spec, events = scenario
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {})
    for at in range(0, len(events), size):
        library.append(events[at : at + size], read_models)
    expected = as_text(collected.fold(spec, library.recorded(events)))
    assert as_text(library.fold(spec)) == expected
    assert as_text(library.table(spec)) == expected
    stored = library.connection.execute("SELECT * FROM model ORDER BY key").fetchall()

    unchanged = library.replay(spec)
    assert (unchanged["inserted"], unchanged["updated"], unchanged["deleted"]) == (0, 0, 0)

    library.connection.execute("DELETE FROM model WHERE key = 0")
    library.connection.execute("UPDATE model SET c0 = '{\"x\": [1]}'")
    library.replay(spec)
    assert library.connection.execute("SELECT * FROM model ORDER BY key").fetchall() == stored


@settings(ROWS, max_examples=30)
@given(scenario=collected.scenarios(min_size=5), threads=st.integers(2, 5))
def test_ranges_that_are_folded_apart_and_merged_agree(library: Library, scenario: Scenario, threads: int) -> None:
    spec, events = scenario
    # enough noise between the events that the log is worth several threads, which each get some of them
    library.start(spec)
    noise = [NewEvent("Noise", {})] * (21_000 // len(events))
    for event in events:
        library.log.append([NewEvent(*event), *noise])
    with_noise = [each for event in events for each in (event, *((other.type, other.data) for other in noise))]
    assert _core.mergeable(json.dumps(spec))
    assert as_text(library.fold(spec, threads)) == as_text(collected.fold(spec, library.recorded(with_noise)))
