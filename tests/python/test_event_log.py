"""EventLog without Django."""

import math
import sqlite3
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from eventfold import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    CorruptLog,
    DatabaseError,
    EventfoldError,
    EventLog,
    IdempotencyConflict,
    InvalidEvent,
    LogClosed,
    LogLocked,
    LogNotFound,
    NewEvent,
    ReadOnlyLog,
    RecordedEvent,
    UnknownEventType,
    UnsupportedSchema,
    WrongExpectedVersion,
    errors,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture(params=["native", "dbapi"])
def log(request: pytest.FixtureRequest, path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "dbapi":
        monkeypatch.setenv("EVENTFOLD_SQLITE_WAY", "dbapi")
    with EventLog(path, busy_timeout=0.05) as log:
        assert log._database.way == ("dbapi" if request.param == "dbapi" else "own")
        yield log


def borrowed(log: EventLog, count: int) -> range:
    return log.append([NewEvent("Borrowed", {"n": number}) for number in range(count)])


def test_an_event_comes_back_as_it_was_recorded(log: EventLog) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    assert log.append("Borrowed", {"book": 7, "by": "ann"}, stream="book-7", metadata={"user": "bob"}) == range(1, 2)
    (event,) = log.read()
    assert isinstance(event, RecordedEvent)
    assert (event.position, event.type, event.data, event.stream, event.version, event.metadata) == (
        1,
        "Borrowed",
        {"book": 7, "by": "ann"},
        "book-7",
        1,
        {"user": "bob"},
    )
    assert event.id.version == 7
    assert before < event.created < datetime.now(timezone.utc) + timedelta(seconds=1)
    with pytest.raises(AttributeError):
        event.position = 2  # type: ignore[misc]


def test_an_event_without_stream_and_metadata_has_none(log: EventLog) -> None:
    log.append("Borrowed", {})
    (event,) = log.read()
    assert (event.stream, event.version, event.metadata, event.data) == (None, None, None, {})


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        2**64,
        -(10**40),
        0.1 + 0.2,
        5e-324,
        1.7976931348623157e308,
        -0.0,
        1e22,
        123456789.123456789,
        "",
        "ünï 😀 \u2028 \x01 \\ \" '",
        [],
        [1, [2.5, {"a": None}]],
        {"nested": {"deep": [True]}},
    ],
)
def test_every_json_value_comes_back_to_the_last_bit(log: EventLog, value: Any) -> None:
    log.append("Kept", {"value": value})
    (event,) = log.read()
    kept = event.data["value"]
    assert kept == value
    assert type(kept) is type(value)
    if isinstance(value, float):
        assert math.copysign(1, kept) == math.copysign(1, value)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (math.nan, "value"),
        (math.inf, "value"),
        ({"inner": -math.inf}, "value"),
        ("\ud800", "value"),
        ("a\0b", "value"),
        (object(), "value"),
        (b"bytes", "value"),
        ({1: 2}, "value"),
        ({1, 2}, "value"),
    ],
)
def test_what_json_cannot_say_is_refused_and_nothing_is_written(log: EventLog, value: Any, named: str) -> None:
    with pytest.raises(InvalidEvent, match=named):
        log.append([NewEvent("Kept", {"fine": 1}), NewEvent("Kept", {"value": value})])
    assert log.head() == 0


def test_a_value_that_holds_itself_is_refused(log: EventLog) -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidEvent, match="contain itself"):
        log.append("Kept", {"value": value})


def test_an_event_of_ten_megabytes_is_refused(log: EventLog) -> None:
    with pytest.raises(InvalidEvent, match="4 MiB"):
        log.append("Kept", {"value": "x" * 10_000_000})


@pytest.mark.parametrize(
    "event",
    [
        NewEvent("", {}),
        NewEvent("Kept", []),  # type: ignore[arg-type]
        NewEvent(7, {}),  # type: ignore[arg-type]
        NewEvent("Kept", {}, stream=""),
        NewEvent("Kept", {}, stream="a\0b"),
        NewEvent("Kept", {}, stream="\udfff"),
        NewEvent("Kept", {}, id="no uuid"),  # type: ignore[arg-type]
        "Kept",
        7,
    ],
)
def test_an_event_that_is_none_is_refused(log: EventLog, event: Any) -> None:
    with pytest.raises(InvalidEvent):
        log.append([event])
    assert log.head() == 0


def test_appending_nothing_does_nothing(log: EventLog) -> None:
    assert log.append([]) == range(0)
    assert log.head() == 0


def test_arguments_that_do_not_go_together_are_refused(log: EventLog) -> None:
    with pytest.raises(TypeError, match="data"):
        log.append("Kept")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="stream"):
        log.append([NewEvent("Kept", {})], stream="a")  # type: ignore[call-overload]


def test_events_are_read_by_type_stream_and_position_in_either_direction(log: EventLog) -> None:
    log.append([NewEvent("AB"[number % 2], {"n": number}, f"s{number % 3}") for number in range(12)])

    def read(**query: Any) -> list[int]:
        return [event.data["n"] for event in log.read(batch_size=2, **query)]

    assert read() == list(range(12))
    assert read(backward=True) == list(range(11, -1, -1))
    assert read(types="A") == [0, 2, 4, 6, 8, 10]
    assert read(types=["A", "B"], limit=5) == [0, 1, 2, 3, 4]
    assert read(stream="s1") == [1, 4, 7, 10]
    assert read(stream="s1", types=["B"], backward=True) == [7, 1]
    assert read(after=3, until=6) == [3, 4, 5]
    assert read(after=3, until=6, backward=True) == [5, 4, 3]
    assert read(limit=0) == []
    assert read(limit=100, after=10) == [10, 11]
    assert read(stream="unknown") == []


def test_a_type_may_be_given_by_its_class(log: EventLog) -> None:
    class BookBorrowed:
        event_type_name = "Borrowed"

    borrowed(log, 2)
    assert len(list(log.read(types=BookBorrowed))) == 2
    assert len(list(log.read(types=[BookBorrowed, "Borrowed"]))) == 2
    with pytest.raises(TypeError, match="event type"):
        log.read(types=[7])


def test_events_appended_while_reading_come_with_the_next_read(log: EventLog) -> None:
    borrowed(log, 5)
    seen = []
    for event in log.read(batch_size=2):
        seen.append(event.position)
        borrowed(log, 1)
    assert seen == [1, 2, 3, 4, 5]
    assert log.head() == 10


def test_an_unknown_type_and_a_negative_limit_are_refused_at_once(log: EventLog) -> None:
    borrowed(log, 1)
    with pytest.raises(UnknownEventType, match="Lent"):
        log.read(types="Lent")
    with pytest.raises(InvalidEvent, match="negative"):
        log.read(limit=-1)


def test_a_stream_has_versions_of_its_own(log: EventLog) -> None:
    assert log.stream_head("book-7") == 0
    log.append([NewEvent("Borrowed", {}, stream) for stream in ("book-7", "book-8", "book-7")])
    assert (log.stream_head("book-7"), log.stream_head("book-8")) == (2, 1)


def test_an_expected_version_decides_between_writers(log: EventLog) -> None:
    log.append("Added", {}, stream="book-7", expected_version=NO_STREAM)
    with pytest.raises(WrongExpectedVersion, match="book-7"):
        log.append("Added", {}, stream="book-7", expected_version=NO_STREAM)
    log.append("Borrowed", {}, stream="book-7", expected_version=1)
    log.append("Returned", {}, stream="book-7", expected_version=STREAM_EXISTS)
    log.append("Borrowed", {}, stream="book-7", expected_version=ANY)
    with pytest.raises(WrongExpectedVersion):
        log.append("Borrowed", {}, stream="book-9", expected_version=STREAM_EXISTS)
    assert log.stream_head("book-7") == 4


def test_an_id_of_ones_own_is_recorded_once(log: EventLog) -> None:
    event = NewEvent("Borrowed", {"book": 7}, id=uuid.uuid4())
    assert log.append(event) == range(1, 2)
    assert log.append(event) == range(1, 2)
    with pytest.raises(IdempotencyConflict):
        log.append(event._replace(data={"book": 8}))
    assert [recorded.id for recorded in log.read()] == [event.id]


def test_a_request_is_recorded_once(log: EventLog) -> None:
    assert log.append("Borrowed", {"book": 7}, request="r1") == range(1, 2)
    assert log.append("Borrowed", {"book": 7}, request="r1") == range(1, 2)
    with pytest.raises(IdempotencyConflict):
        log.append("Borrowed", {"book": 8}, request="r1")
    assert log.append("Borrowed", {"book": 7}, request="r2") == range(2, 3)


def test_figures_of_the_log(log: EventLog, path: Path) -> None:
    borrowed(log, 3)
    log.append("Added", {}, stream="book-7")
    info, stats = log.info(), log.stats()
    assert uuid.UUID(info["log_id"])
    assert (info["head"], info["epoch"], log.head()) == (4, 1, 4)
    assert stats["events_by_type"] == {"Added": 1, "Borrowed": 3}
    assert (stats["events"], stats["streams"]) == (4, 1)
    assert stats["bytes"] > 4096


def test_a_file_is_opened_again_as_it_was_left(path: Path) -> None:
    with EventLog(path) as log:
        borrowed(log, 2)
        info = log.info()
    with EventLog(str(path)) as log:
        assert log.info() == info
        assert borrowed(log, 1) == range(3, 4)


def test_two_logs_of_one_file_see_each_other(path: Path) -> None:
    with EventLog(path) as one, EventLog(path) as two:
        for _ in range(3):
            one.append("A", {}, stream="s")
            two.append("B", {}, stream="s")
        assert [event.version for event in one.read(stream="s")] == [1, 2, 3, 4, 5, 6]
        assert one.stats() == two.stats()


def test_a_closed_log_says_so(log: EventLog) -> None:
    log.close()
    log.close()
    for call in (log.head, log.info, log.stats, lambda: log.append("A", {}), lambda: list(log.read())):
        with pytest.raises(LogClosed, match="closed"):
            call()


def test_a_file_opened_to_read_cannot_be_written(log: EventLog, path: Path) -> None:
    borrowed(log, 1)
    with EventLog(path, read_only=True) as reader:
        assert len(list(reader.read())) == 1
        with pytest.raises(ReadOnlyLog):
            borrowed(reader, 1)


def test_a_file_opened_to_read_must_have_a_log(tmp_path: Path, path: Path) -> None:
    with pytest.raises(DatabaseError, match="nothing"):
        EventLog(tmp_path / "nothing.db", read_only=True)
    assert not (tmp_path / "nothing.db").exists()
    sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(LogNotFound, match="migrate"):
        EventLog(path, read_only=True)


def test_a_locked_file_says_so_after_its_time_out(log: EventLog, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogLocked, match="locked"):
        borrowed(log, 1)
    other.execute("ROLLBACK")
    other.close()
    assert borrowed(log, 1) == range(1, 2)


def test_a_log_of_a_newer_release_is_not_touched(path: Path) -> None:
    EventLog(path).close()
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("UPDATE eventfold_header SET schema_version = 99")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(UnsupportedSchema, match="newer"):
        EventLog(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_not_touched(path: Path) -> None:
    path.write_bytes(b"x" * 5000)
    with pytest.raises(CorruptLog):
        EventLog(path)
    assert path.read_bytes() == b"x" * 5000


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="nowhere"):
        EventLog(tmp_path / "nowhere" / "events.db")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE eventfold_event SET data = '{}'",
        "DELETE FROM eventfold_event",
        "REPLACE INTO eventfold_event SELECT * FROM eventfold_event WHERE position = 1",
    ],
)
def test_the_database_itself_refuses_to_change_an_event(log: EventLog, path: Path, sql: str) -> None:
    borrowed(log, 3)
    raw = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(sql)
    raw.close()
    assert [event.data["n"] for event in log.read()] == [0, 1, 2]


def test_every_error_is_an_eventfold_error_and_says_what_it_means() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) == 16
    for kind in kinds:
        assert issubclass(kind, EventfoldError)
        assert kind.__doc__ and kind.__doc__.endswith(".")


def test_the_errors_are_those_of_the_core_with_the_same_meaning() -> None:
    header = Path(__file__).parents[2] / "cpp/include/eventfold/error.hpp"
    lines = header.read_text().splitlines()
    meanings = {
        line.split("(")[1].split(",")[0]: lines[number - 1].removeprefix("// ")
        for number, line in enumerate(lines)
        if line.startswith("EVENTFOLD_ERROR(")
    }
    expected = {kind.__name__: kind.__doc__ for kind in vars(errors).values() if isinstance(kind, type)}
    expected.pop("EventfoldError")
    assert meanings == expected
