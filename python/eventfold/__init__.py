"""Event sourcing at native speed: an append-only log, and folds of it."""

from eventfold.aggregates import ArrayAgg, Avg, Histogram, Top
from eventfold.errors import (
    ConcurrencyError,
    CorruptLog,
    DatabaseError,
    EventfoldError,
    IdempotencyConflict,
    ImmutableEvent,
    InvalidEvent,
    LogClosed,
    LogLocked,
    LogNotFound,
    ProjectionError,
    ReadOnlyLog,
    UnknownEventType,
    UnsupportedSchema,
    WrongExpectedVersion,
    WrongLog,
)
from eventfold.event_log import ANY, NO_STREAM, STREAM_EXISTS, EventLog
from eventfold.events import NewEvent, RecordedEvent
from eventfold.expressions import Coalesce, Each, Extract, F, NullIf, StreamCategory, StreamName, Value
from eventfold.projection import Count, CountDistinct, First, KeyOf, Latest, Max, Min, Sum, Trunc
from eventfold.where import Filtered, Where

__version__ = "0.1.0"

__all__ = [
    "ANY",
    "NO_STREAM",
    "STREAM_EXISTS",
    "ArrayAgg",
    "Avg",
    "Coalesce",
    "ConcurrencyError",
    "CorruptLog",
    "Count",
    "CountDistinct",
    "DatabaseError",
    "Each",
    "EventLog",
    "EventfoldError",
    "Extract",
    "F",
    "Filtered",
    "First",
    "Histogram",
    "IdempotencyConflict",
    "ImmutableEvent",
    "InvalidEvent",
    "KeyOf",
    "Latest",
    "LogClosed",
    "LogLocked",
    "LogNotFound",
    "Max",
    "Min",
    "NewEvent",
    "NullIf",
    "ProjectionError",
    "ReadOnlyLog",
    "RecordedEvent",
    "StreamCategory",
    "StreamName",
    "Sum",
    "Top",
    "Trunc",
    "UnknownEventType",
    "UnsupportedSchema",
    "Value",
    "Where",
    "WrongExpectedVersion",
    "WrongLog",
]
