"""Every error of eventfold: a small set, the same in C++ (include/eventfold/error.hpp)."""


class EventfoldError(Exception):
    """The base of all errors of eventfold."""


class ConcurrencyError(EventfoldError):
    """Another writer came first; read again and decide anew."""


class WrongExpectedVersion(ConcurrencyError):
    """The stream is not at the version that the caller expected."""


class IdempotencyConflict(EventfoldError):
    """The event id or request key was used before, with other content."""


class UnknownEventType(EventfoldError):
    """No event of this type was ever declared or appended."""


class InvalidEvent(EventfoldError):
    """The event holds something that the log cannot keep."""


class ImmutableEvent(EventfoldError):
    """A recorded event can be neither changed nor deleted."""


class CorruptLog(EventfoldError):
    """What is recorded cannot be read back."""


class ProjectionError(EventfoldError):
    """The read model cannot be folded."""


class WrongLog(EventfoldError):
    """The checkpoint belongs to another log, or lies above the head of this one."""


class LogNotFound(EventfoldError):
    """The database has no log."""


class UnsupportedSchema(EventfoldError):
    """The log was written by a newer release, or is not a log of ours."""


class LogLocked(EventfoldError):
    """The database stayed locked by another connection past the time-out."""


class ReadOnlyLog(EventfoldError):
    """The database cannot be written."""


class LogClosed(EventfoldError):
    """The log, or the connection that it was borrowed from, is closed."""


class DatabaseError(EventfoldError):
    """The database reported an error that is none of the above."""
