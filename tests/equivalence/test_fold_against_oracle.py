"""Native fold, replay and inline read models against the oracle, for random specifications and events."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import NewEvent, _core

from . import oracle, strategies
from .library import Library, as_stored, as_text

ROWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Scenario = tuple[dict[str, Any], list[Any]]


def note(row: dict[str, Any], kind: str, position: int) -> None:
    """What the handlers of these tests do: the last column says what happened."""
    last = list(row)[-1]
    row[last] = f"{row[last] or ''}{kind}{position} "


def native_note(row: dict[str, Any], event: tuple[str, int, int, str]) -> None:
    assert isinstance(json.loads(event[3]), dict)
    note(row, event[0], event[1])


def oracle_note(row: dict[str, Any], event: oracle.Event) -> None:
    note(row, event[0], event[2])


@ROWS
@given(scenario=strategies.scenarios(), threads=st.sampled_from([1, 2]))
def test_the_native_fold_agrees(library: Library, scenario: Scenario, threads: int) -> None:
    spec, events = scenario
    library.start(spec)
    for at in range(0, len(events), 7):
        library.append(events[at : at + 7])
    assert as_text(library.fold(spec, threads)) == as_text(oracle.fold(spec, library.recorded(events)))


@ROWS
@given(
    scenario=strategies.scenarios(stored=True) | strategies.scenarios(stored=True, handlers=True),
    size=st.integers(1, 8),
    rolled_back=st.lists(strategies.events(["number", "text"]), max_size=4),
)
def test_living_through_events_and_replaying_them_give_the_rows_of_the_oracle(
    library: Library, scenario: Scenario, size: int, rolled_back: list[Any]
) -> None:
    spec, events = scenario
    library.start(spec)
    read_models = _core.ReadModels([json.dumps(spec)], {"model": native_note})
    for index, at in enumerate(range(0, len(events), size)):
        batch = events[at : at + size]
        if index % 2:  # what is rolled back leaves no trace
            library.connection.execute("BEGIN")
            library.append(rolled_back, read_models)
            library.append(batch, read_models)
            library.connection.execute("ROLLBACK")
        library.append(batch, read_models)
    expected = as_stored(spec, oracle.fold(spec, library.recorded(events), oracle_note))
    assert as_text(library.table(spec)) == as_text(expected)

    unchanged = library.replay(spec, native_note)
    assert (unchanged["inserted"], unchanged["updated"], unchanged["deleted"]) == (0, 0, 0)

    # a table that has drifted in every way comes back to the same rows
    library.connection.execute("DELETE FROM model WHERE rowid % 3 = 0")
    library.connection.execute(f"UPDATE model SET {spec['columns'][0]['column']} = 99 WHERE rowid % 3 = 1")
    values = ", ".join(["-7"] * (len(spec["key"]) + len(spec["columns"])))
    library.connection.execute(f"INSERT INTO model VALUES ({values})")
    assert library.replay(spec, native_note)["rows"] == len(expected)
    assert as_text(library.table(spec)) == as_text(expected)


@settings(ROWS, max_examples=40)
@given(scenario=strategies.scenarios(min_size=5), threads=st.integers(2, 5))
def test_ranges_that_are_folded_apart_and_merged_agree(library: Library, scenario: Scenario, threads: int) -> None:
    spec, events = scenario
    # enough noise between the events that the log is worth several threads, which each get some of them
    library.start(spec)
    noise = [NewEvent("Noise", {})] * (21_000 // len(events))
    for event in events:
        library.log.append([NewEvent(*event), *noise])
    with_noise = [each for event in events for each in (event, *((other.type, other.data) for other in noise))]
    assert as_text(library.fold(spec, threads)) == as_text(oracle.fold(spec, library.recorded(with_noise)))
