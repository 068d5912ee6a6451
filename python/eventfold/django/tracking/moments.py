"""Moments of the log: a position, or a time that stands for one."""

from datetime import datetime, timedelta, timezone
from typing import Any

from django.utils.timezone import make_aware

from eventfold.errors import EventfoldError

Moment = datetime | int
"""A time (one without a zone is in the current time zone), or a position of the log."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_AT = "SELECT created FROM eventfold_event WHERE position <= %s ORDER BY position DESC LIMIT 1"


class NotRecorded(EventfoldError):
    """The log does not reach back to this moment: tracking began later, or the row is not known."""


class PastError(EventfoldError):
    """Within past() this cannot be done."""


def microseconds(when: datetime) -> int:
    """Return a time as the log has it."""
    if when.tzinfo is None:
        when = make_aware(when)
    return (when - _EPOCH) // _MICROSECOND


def check_moment(when: Any) -> None:
    """Raise TypeError for what is neither a time nor a position."""
    if isinstance(when, bool) or not isinstance(when, (datetime, int)):
        raise TypeError(f"a moment is a datetime or a position of the log, not {when!r}")


def position_at(connection: Any, when: Moment) -> int:
    """Return the position of the last event that was there at a moment; 0 before the first one.

    `created` never decreases, so a time is looked up by halving: a few seeks, without an index.
    """
    check_moment(when)
    with connection.cursor() as cursor:
        cursor.execute("SELECT head FROM eventfold_head")
        head = int(cursor.fetchone()[0])
        if isinstance(when, int):
            return max(0, min(when, head))
        wanted = microseconds(when)
        low, high = 0, head  # what is at or before `low` was there; nothing after `high` was
        while low < high:
            middle = (low + high + 1) // 2
            cursor.execute(_AT, [middle])
            row = cursor.fetchone()
            if row is None or row[0] <= wanted:
                low = middle
            else:
                high = middle - 1
        return low
