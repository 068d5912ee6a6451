"""The errors of eventfold as Django code may expect them: those that come from the database are Django's too."""

from django.db import DatabaseError as DjangoDatabaseError
from django.db import OperationalError

from eventfold import errors
from eventfold.errors import (
    EventfoldError,
    IdempotencyConflict,
    ImmutableEvent,
    InvalidEvent,
    ProjectionError,
    WrongExpectedVersion,
    WrongLog,
)

__all__ = [
    "ConcurrencyError",
    "CorruptLog",
    "DatabaseError",
    "EventfoldError",
    "IdempotencyConflict",
    "ImmutableEvent",
    "InvalidEvent",
    "LogClosed",
    "LogLocked",
    "LogNotFound",
    "ProjectionError",
    "ReadOnlyLog",
    "UnknownEventType",
    "UnsupportedSchema",
    "WrongExpectedVersion",
    "WrongLog",
    "as_django_error",
]


class ConcurrencyError(errors.ConcurrencyError, OperationalError):
    __doc__ = errors.ConcurrencyError.__doc__


class LogLocked(errors.LogLocked, OperationalError):
    __doc__ = errors.LogLocked.__doc__


class ReadOnlyLog(errors.ReadOnlyLog, OperationalError):
    __doc__ = errors.ReadOnlyLog.__doc__


class LogNotFound(errors.LogNotFound, OperationalError):
    __doc__ = errors.LogNotFound.__doc__


class UnknownEventType(errors.UnknownEventType, OperationalError):
    __doc__ = errors.UnknownEventType.__doc__


class UnsupportedSchema(errors.UnsupportedSchema, OperationalError):
    __doc__ = errors.UnsupportedSchema.__doc__


class LogClosed(errors.LogClosed, OperationalError):
    __doc__ = errors.LogClosed.__doc__


class CorruptLog(errors.CorruptLog, DjangoDatabaseError):
    __doc__ = errors.CorruptLog.__doc__


class DatabaseError(errors.DatabaseError, DjangoDatabaseError):
    __doc__ = errors.DatabaseError.__doc__


_DJANGO_CLASSES: dict[type[EventfoldError], type[EventfoldError]] = {
    cls.__bases__[0]: cls
    for cls in (
        ConcurrencyError,
        LogLocked,
        ReadOnlyLog,
        LogNotFound,
        UnknownEventType,
        UnsupportedSchema,
        LogClosed,
        CorruptLog,
        DatabaseError,
    )
}


def as_django_error(error: EventfoldError) -> EventfoldError:
    """Return the error as one that `except django.db.OperationalError` and the like catch too."""
    cls = _DJANGO_CLASSES.get(type(error))
    return error if cls is None else cls(*error.args).with_traceback(error.__traceback__)
