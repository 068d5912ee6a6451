from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import EventLog, NewEvent
from eventfold.errors import (
    IdempotencyConflict,
    InvalidEvent,
    UnknownEventType,
    UnsupportedSchema,
    WrongExpectedVersion,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def positions(log: EventLog, **query: Any) -> list[int]:
    return [event.position for event in log.read(**query)]


def test_positions_and_versions_count_from_one(log: EventLog) -> None:
    assert log.append("A", {}, stream="s") == range(1, 2)
    assert log.append([NewEvent("A", {}), NewEvent("A", {}, "s")]) == range(2, 4)
    assert [(event.stream, event.version) for event in log.read()] == [("s", 1), (None, None), ("s", 2)]
    assert log.head() == 3
    assert log.stream_head("s") == 2
    assert log.stream_head("nothing") == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), JSON))
def test_data_comes_back_as_it_went_in(log: EventLog, data: dict[str, Any]) -> None:
    (position,) = log.append("A", data)
    (event,) = log.read(after=position - 1)
    assert event.data == data
    assert repr(event.data) == repr(data)  # 1 is not 1.0 is not True


def test_an_event_keeps_its_metadata_id_and_time(log: EventLog) -> None:
    event_id = uuid4()
    log.append("A", {}, metadata={"user": "ann"})
    log.append("A", {}, id=event_id)
    first, second = log.read()
    assert first.metadata == {"user": "ann"}
    assert first.id.version == 7
    assert second.id == event_id
    assert second.metadata is None
    assert second.created >= first.created


def test_events_are_read_by_type_stream_and_range_in_both_directions(log: EventLog) -> None:
    log.append([NewEvent("Odd" if n % 2 else "Even", {"n": n}, "fives" if n % 5 == 0 else None) for n in range(1, 41)])
    assert positions(log, types="Odd", limit=3) == [1, 3, 5]
    assert positions(log, types=["Odd", "Even"], after=37) == [38, 39, 40]
    assert positions(log, types="Even", backward=True, limit=2) == [40, 38]
    assert positions(log, stream="fives") == [5, 10, 15, 20, 25, 30, 35, 40]
    assert positions(log, stream="fives", batch_size=3) == [5, 10, 15, 20, 25, 30, 35, 40]
    assert positions(log, stream="fives", backward=True, batch_size=3) == [40, 35, 30, 25, 20, 15, 10, 5]
    assert positions(log, stream="fives", types="Even") == [10, 20, 30, 40]
    assert positions(log, after=10, until=13) == [11, 12, 13]
    assert positions(log, stream="nobody") == []


def test_an_unknown_type_and_a_negative_limit_are_refused(log: EventLog) -> None:
    log.append("A", {})
    with pytest.raises(UnknownEventType, match="Nothing"):
        log.read(types="Nothing")
    with pytest.raises(InvalidEvent, match="negative"):
        log.read(limit=-1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"x": float("nan")}, "x: NaN"),
        ({"x": float("inf")}, "x: NaN"),
        ({"x": "\ud800"}, "x: .*surrogate"),
        ({"x": "a\0b"}, "x: .*NUL"),
        ({"x": {1, 2}}, "x: a set"),
        ({"x": [{"y": object()}]}, "x: y: a object"),
        ({1: 2}, "key must be a str"),
        ({"x": "x" * (10 << 20)}, "4 MiB"),
    ],
)
def test_what_json_cannot_say_is_refused_and_nothing_is_recorded(log: EventLog, data: Any, said: str) -> None:
    with pytest.raises(InvalidEvent, match=said):
        log.append([NewEvent("A", {}), NewEvent("A", data)])
    assert log.head() == 0


def test_a_repeated_request_returns_what_was_recorded(log: EventLog) -> None:
    events = [NewEvent("A", {"n": 1}), NewEvent("A", {"n": 2}, "s")]
    assert log.append(events, request="r") == range(1, 3)
    log.append("Other", {})
    assert log.append(events, request="r") == range(1, 3)
    assert log.head() == 3
    with pytest.raises(IdempotencyConflict, match="request key"):
        log.append(events[:1], request="r")


def test_repeated_ids_return_what_was_recorded_and_a_part_of_a_batch_is_a_conflict(log: EventLog) -> None:
    events = [NewEvent("A", {"n": n}, id=UUID(int=n)) for n in (1, 2)]
    assert log.append(events) == range(1, 3)
    assert log.append(events) == range(1, 3)
    with pytest.raises(IdempotencyConflict):
        log.append([events[0], NewEvent("A", {"n": 3}, id=UUID(int=3))])
    with pytest.raises(IdempotencyConflict):
        log.append([events[0]._replace(data={"n": 9})])
    assert log.head() == 2


def test_an_expected_version_guards_a_stream(log: EventLog) -> None:
    log.append("A", {}, stream="s", expected_version=0)
    with pytest.raises(WrongExpectedVersion, match="version 1"):
        log.append("A", {}, stream="s", expected_version=0)
    assert log.append("A", {}, stream="s", expected_version=1) == range(2, 3)


def test_the_database_refuses_to_change_delete_or_replace_an_event(log: EventLog, sql: Any) -> None:
    log.append("A", {})
    for statement in (
        "UPDATE eventfold_event SET data = '{}'",
        "DELETE FROM eventfold_event",
        "REPLACE INTO eventfold_event (position, type_id, created, data, event_id) VALUES (1, 1, 1, '{}', x'00')",
    ):
        with pytest.raises(Exception, match="eventfold: "):
            sql(statement)
    assert [event.data for event in log.read()] == [{}]


def test_emptying_raises_the_epoch_and_gives_no_position_again(log: EventLog) -> None:
    log.append("A", {}, stream="s")
    before = log.info()
    log._log.empty()
    after = log.info()
    assert (after["log_id"], after["epoch"]) == (before["log_id"], before["epoch"] + 1)
    assert list(log.read()) == []
    assert log.append("A", {}, stream="s") == range(2, 3)
    assert log.stream_head("s") == 1


def test_a_log_of_a_newer_release_is_refused(log: EventLog, sql: Any) -> None:
    sql("UPDATE eventfold_header SET schema_version = 99")
    with pytest.raises(UnsupportedSchema, match="newer release"):
        log.append("A", {})


def test_statistics_count_events_types_and_streams(log: EventLog) -> None:
    log.append([NewEvent("A", {}, "s"), NewEvent("B", {}, "s"), NewEvent("A", {})])
    stats = log.stats()
    assert stats["events"] == 3
    assert stats["events_by_type"] == {"A": 2, "B": 1}
    assert stats["streams"] == 1
    assert stats["bytes"] > 0
