from collections.abc import Mapping
from typing import Any

from eventfold import NO_STREAM, Count, EventLog, IdempotencyConflict, Latest, NewEvent, RecordedEvent


def record(path: str, readers: dict[int, str]) -> range:
    events = [NewEvent("BookBorrowed", {"book": book, "by": reader}) for book, reader in readers.items()]
    with EventLog(path) as log:
        try:
            return log.append(events, request="monday")
        except IdempotencyConflict:
            return log.append("BookAdded", {"book": 7}, stream="book-7", expected_version=NO_STREAM)


def history(path: str, book: int) -> list[RecordedEvent]:
    with EventLog(path, read_only=True) as log:
        return list(log.read(stream=f"book-{book}", backward=True, limit=10))


def data_of(event: RecordedEvent) -> Mapping[str, Any]:
    return event.data


def borrowings(path: str) -> int:
    with EventLog(path) as log:
        rows = log.fold("book", {"times": Count("BookBorrowed"), "by": Latest("BookBorrowed", "by")})
        return len(rows)
