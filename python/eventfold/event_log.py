"""The event log without Django: start here."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, overload
from uuid import UUID

from eventfold import _core
from eventfold._borrow import open_database
from eventfold.events import NewEvent, RecordedEvent
from eventfold.expressions import Compiled, Compiler, Expression, Value, describe
from eventfold.projection import (
    PSEUDO_FIELDS,
    KeyOf,
    Operation,
    Source,
    Trunc,
    as_sources,
    condition_of,
    event_type_name,
    is_pattern,
)
from eventfold.where import compare, compile_filter, fields_of, split_path, unfiltered

ANY = -1
"""`expected_version`: whatever version the stream is at."""
NO_STREAM = 0
"""`expected_version`: the stream has no event yet."""
STREAM_EXISTS = -2
"""`expected_version`: the stream has an event."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class EventLog:
    """A log of events in an SQLite file.

        with EventLog("events.db") as log:
            log.append("BookBorrowed", {"book": 7}, stream="book-7")
            for event in log.read(stream="book-7"):
                print(event.position, event.data)

    The file is made where there is none. Several processes and threads may write to one file; give each thread an
    EventLog of its own. `busy_timeout`, in seconds, is how long a call waits for another writer before it raises
    LogLocked. Raises UnsupportedSchema, DatabaseError; with `read_only` also LogNotFound.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False, busy_timeout: float = 5.0) -> None:
        self._database, self._raw_connection = open_database(path, read_only, busy_timeout)
        try:
            self._log = _core.Log(self._database)
            if read_only:
                self._log.info()
            else:
                self._log.install()
        except BaseException:
            self.close()
            raise

    @classmethod
    def on(cls, database: _core.Database) -> "EventLog":
        """Return the log of a connection that somebody else opened, within whose transactions it works."""
        log = cls.__new__(cls)
        log._database, log._raw_connection = database, None
        log._log = _core.Log(database)
        return log

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Later calls raise LogClosed; closing again does nothing."""
        self._database.close()
        if self._raw_connection is not None:
            self._raw_connection.close()

    @overload
    def append(
        self,
        events: str,
        data: dict[str, Any],
        *,
        stream: str | None = None,
        id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        request: str = "",
        expected_version: int = ANY,
    ) -> range: ...

    @overload
    def append(
        self, events: NewEvent | Iterable[NewEvent], *, request: str = "", expected_version: int = ANY
    ) -> range: ...

    def append(
        self,
        events: str | NewEvent | Iterable[NewEvent],
        data: dict[str, Any] | None = None,
        *,
        stream: str | None = None,
        id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        request: str = "",
        expected_version: int = ANY,
    ) -> range:
        """Append one event (its type and data) or several (NewEvents), all or none; return their positions.

        With a `request` key, or ids in the events, it is idempotent: repeated with the same content, it returns the
        positions that were recorded; with other content it raises IdempotencyConflict. `expected_version` is that of
        the one stream of all the events: a number, ANY, NO_STREAM or STREAM_EXISTS.

        Raises InvalidEvent, WrongExpectedVersion, IdempotencyConflict, LogLocked, ReadOnlyLog, LogClosed.
        """
        if isinstance(events, str):
            if data is None:
                raise TypeError("an event needs data: append(type, data)")
            batch = [NewEvent(events, data, stream, id, metadata)]
        elif (data, stream, id, metadata) != (None, None, None, None):
            raise TypeError("data, stream, id and metadata go with a type; a NewEvent has its own")
        elif isinstance(events, NewEvent):
            batch = [events]
        else:
            batch = list(events)
        appended = self._log.append(_core.encode_events(batch), request=request, expected_version=expected_version)
        return range(appended.first, appended.last + 1) if batch else range(0)

    def read(
        self,
        *,
        types: Source | Iterable[Source] = (),
        stream: str | None = None,
        after: int = 0,
        until: int | None = None,
        backward: bool = False,
        limit: int | None = None,
        batch_size: int = 1000,
    ) -> Iterator[RecordedEvent]:
        """Iterate over events by position: those after `after`, up to `until` (default: the head at this moment).

        `types` (a name or several) and `stream` select, `backward` gives the newest first, `limit` ends it. Events
        are read `batch_size` at a time, and no read stays open in between, so the log may be written meanwhile.

        Raises UnknownEventType, LogNotFound, LogClosed, CorruptLog; InvalidEvent for a negative limit.
        """
        head = self._log.head()
        bounds = {"after": after, "until": head if until is None else min(until, head)}
        single = isinstance(types, str) or hasattr(types, "event_type_name")
        names = [event_type_name(source) for source in ([types] if single else types)]

        def next_batch(wanted: int | None) -> list[tuple[Any, ...]]:
            size = batch_size if wanted is None else min(batch_size, wanted)
            return self._log.read(types=names, stream=stream, backward=backward, limit=size, **bounds)

        def iterate(batch: list[tuple[Any, ...]], left: int | None) -> Iterator[RecordedEvent]:
            while batch:
                yield from map(_recorded, batch)
                if left is not None:
                    left -= len(batch)
                if len(batch) < batch_size or left == 0:
                    return
                if backward:
                    bounds["until"] = batch[-1][0] - 1
                else:
                    bounds["after"] = batch[-1][0]
                batch = next_batch(left)

        return iterate(next_batch(limit), limit)

    def fold(
        self,
        key: str | Trunc | Expression | tuple[str | Trunc | Expression, ...],
        columns: Mapping[str, Operation],
        *,
        delete_on: Source | tuple[Source, ...] = (),
        threads: int = 2,
        until: int | None = None,
    ) -> "_core.FoldResult":
        """Fold the log into one row for each key: a lazy mapping of key to a tuple of the columns' values.

            log.fold("book", {"borrowed": Count("BookBorrowed"), "title": Latest("BookAdded", "title")})[7]

        `key` names the field, or fields, of the events that make the key, or spans of time, `Trunc("created", "day")`,
        which are given as the text of their beginning; an event of `delete_on` takes the row away. `()` makes one row
        of all events, whose key is 1.
        Beside the fields of their data, events have a "position", and "created" as a text, in UTC. Where a field may
        be named, in the key and in an operation, an expression may stand: `F("price") * F("quantity")`,
        `Extract("created", "hour")`, `StreamName()`, `Each("lines", "sku")`; "address__city" leads into JSON. A key
        that each type has in its own way is a `KeyOf(("BookAdded", "id"), ("BookBorrowed", "book"))`.
        `"books.*"` stands for all types in the log whose name begins so, `"*"` for all types; their events without a
        key are left out.
        Raises ProjectionError, CorruptLog, LogNotFound; TypeError for a condition or an expression that cannot be.
        """
        keys = tuple(key) if isinstance(key, (tuple, list)) else (key,)
        spec = _fold_spec(keys or (Value(1),), columns, as_sources(delete_on), self._types)
        return _core.fold(self._log, json.dumps(spec, ensure_ascii=False), threads, until)

    def _types(self) -> list[str]:
        return sorted(self._log.stats()["events_by_type"])

    def head(self) -> int:
        """Return the position of the last event, 0 where there is none."""
        return self._log.head()

    def stream_head(self, stream: str) -> int:
        """Return the version of the last event of a stream, 0 where it has none."""
        return self._log.stream_head(stream)

    def info(self) -> dict[str, Any]:
        """Return `log_id`, `epoch` (grows when the log is emptied), `schema_version` and `head`."""
        return self._log.info()

    def seal(self, *, positions: int = 65_536) -> int:
        """Keep a copy of the events as columns, which folds read in place of the events; return up to which position.

        A segment holds the events of so many `positions` (or fewer, where they have more than 32 MB of data); what is
        left, too few for a segment, stays as it is, for a later call. Others can write meanwhile. Folds give the same
        results before and after. `segments()` says what there is, `unseal()` throws it away.

        Raises CorruptLog for an event that is no valid JSON; ValueError, LogLocked, ReadOnlyLog, LogClosed.
        """
        if positions < 1:
            raise ValueError("a segment holds one position at least")
        sealed = 0
        while (until := self._log.seal_next(sealed, positions)) is not None:
            sealed = until
        return sealed

    def unseal(self) -> None:
        """Throw the columns away that seal() made; the log is as it was. Raises LogLocked, ReadOnlyLog, LogClosed."""
        self._log.unseal()

    def segments(self) -> dict[str, Any]:
        """Return how many `segments` are sealed, the `positions` that they cover, and their `bytes`."""
        return self._log.segments()

    def stats(self) -> dict[str, Any]:
        """Return `events`, `events_by_type`, `streams` and `bytes` (of the database file)."""
        return self._log.stats()


def _recorded(row: tuple[Any, ...]) -> RecordedEvent:
    position, event_id, event_type, data, stream, version, created, metadata = row
    return RecordedEvent(
        position=position,
        id=UUID(bytes=event_id),
        type=event_type,
        data=json.loads(data),
        stream=stream,
        version=version,
        created=_EPOCH + timedelta(microseconds=created),
        metadata=json.loads(metadata) if metadata else None,
    )


def _fold_spec(
    key: tuple[Any, ...],
    columns: Mapping[str, Operation],
    delete_on: tuple[Source, ...],
    all_types: Callable[[], list[str]],
) -> dict[str, Any]:
    events: dict[str, dict[str, Any]] = {}
    compiler = Compiler()
    key_sources = [part.field if isinstance(part, Trunc) else part for part in key]

    def described(field: str) -> dict[str, Any] | None:
        return None if field in PSEUDO_FIELDS else {"kind": "any", "keys": [field]}

    def text_of(key_source: Any) -> str:
        if not isinstance(key_source, KeyOf):
            return compiler.compile(key_source).text
        pairs = [(compiler.compile(value).text, event_type_name(source)) for source, value in key_source.pairs]
        return " or ".join(f"{text} of {name}" for text, name in pairs)

    def key_on(name: str, key_source: Any) -> Compiled:
        if not isinstance(key_source, KeyOf):
            return compiler.compile(key_source)
        return replace(compiler.compile(key_source.of(name)), text=text_of(key_source))

    def use(source: Source, *sources: Any, conditions: tuple[Any, ...] = ()) -> str:
        name = event_type_name(source)
        looked_at = (split_path(path)[0] for path in fields_of(*conditions))
        used = [compiler.compile(each) for each in (*sources, *looked_at) if each is not None]
        for compiled in (*(key_on(name, each) for each in key_sources), *used):
            describe(compiled, events.setdefault(name, {}), described)
        return name

    def compiled_filter(source: Source, conditions: tuple[Any, ...]) -> list[Any] | None:
        compiled = compile_filter(compare, *conditions)
        if not is_pattern(source):
            return compiled
        parts = [["isnull", text_of(each), False] for each in key_sources]
        return ["and", *parts] if compiled is None else ["and", *parts, compiled]

    def types_of(source: Source) -> list[Source]:
        pattern = unfiltered(source)
        return [name for name in all_types() if name.startswith(pattern[:-1])] if is_pattern(source) else [source]

    def selections(sources: Iterable[Source]) -> Iterator[Any]:
        """Types, or types and a condition."""
        for source in sources:
            conditions = (condition_of(source),)
            compiled = compiled_filter(source, conditions)
            for each in types_of(source):
                name = use(each, conditions=conditions)
                yield name if compiled is None else [name, compiled]

    def sources_of(operation: Operation) -> Iterator[list[Any]]:
        for source, field, options in operation.terms():
            conditions = operation.conditions_of(source)
            compiled = compiled_filter(source, conditions)
            more = options if compiled is None else {**options, "filter": compiled}
            text = field if field is None else compiler.compile(field).text
            for each in types_of(source):
                name = use(each, field, options.get("label"), conditions=conditions)
                yield [name, text, more] if more else [name, text]

    def key_of(part: Any, source: Any) -> dict[str, Any]:
        field = text_of(source)
        trunc = {"trunc": part.unit} if isinstance(part, Trunc) else {}
        return {"column": field, "field": field, "kind": "any"} | trunc

    return {
        "name": "fold",
        "table": "",
        "key": [key_of(*pair) for pair in zip(key, key_sources, strict=True)],
        "columns": [
            {
                "column": column,
                "kind": operation.kind,
                "op": operation.op,
                **operation.options,
                "from": list(sources_of(operation)),
                "cleared_by": list(selections(operation.cleared_by)),
                "initial": operation.initial,
            }
            for column, operation in columns.items()
        ],
        "delete_on": list(selections(delete_on)),
        "handlers": [],
        "events": events,
    }
