"""Reading one's own write: waiting until a read model has seen an event."""

import time
from typing import Any

from django.db import connections, router

from eventfold.django.event_views import has_log
from eventfold.django.following.checkpoints import has_news, read_checkpoint, run
from eventfold.django.following.follower import Follower, due_message
from eventfold.django.following.letters import letter_at
from eventfold.django.lookup import labels_looked_at
from eventfold.errors import EventfoldError

_FIRST_SLEEP = 0.001
_LONGEST_SLEEP = 0.010


class NotYetFollowed(EventfoldError, TimeoutError):
    """A read model has not seen the event in time: `manage.py events follow` is behind, stopped, or does not run."""


def wait_for(position: int, *models: Any, timeout: float = 5.0, using: str | None = None) -> None:
    """Wait until the rows of read models follow from all events up to a position, e.g. that of a new event.

        event = BookBorrowed.objects.create(book=7, borrowed_by="ann")
        wait_for(event.position, BookList)

    A read model that appends keep is always so far, and there is nothing to wait for. Within a transaction a follower
    could not see the event, and one that writes keeps it from writing: there the events are folded on the spot, and are
    rolled back with it. Raises NotYetFollowed after `timeout` seconds, or at once when the read model stopped at an
    event that it cannot fold; and what folding raises, on the spot.
    """
    if isinstance(position, bool) or not isinstance(position, int):
        raise TypeError(f"wait_for() takes a position, as of event.position, and then read models; not {position!r}")
    deadline = time.monotonic() + timeout
    for model in models:
        if getattr(model, "projection", None) is None:
            raise TypeError(f"wait_for() waits for read models with a Projection, not {model!r}")
        alias = using or router.db_for_read(model)
        _wait(position, model, alias, deadline, timeout)


def _wait(position: int, model: Any, alias: str, deadline: float, timeout: float) -> None:
    connection: Any = connections[alias]
    connection.ensure_connection()
    label = model._meta.label
    if not has_log(connection):
        raise NotYetFollowed(f"The database {alias!r} has no event log: run `manage.py migrate --database {alias}`")
    if connection.in_atomic_block and position > _head(connection):
        raise NotYetFollowed(f"The log in the database {alias!r} has no position {position:,} yet")
    sleep = _FIRST_SLEEP
    while not has_seen(position, model, alias):
        if time.monotonic() >= deadline:
            checkpoint = read_checkpoint(connection, label)
            done = checkpoint.position or 0 if checkpoint else 0
            raise NotYetFollowed(
                f"{label} has seen the events up to position {done:,}, not {position:,}, in {timeout:g} s: does "
                f"`manage.py events follow --database {alias}` run? `manage.py events status` says where it stands."
            )
        time.sleep(sleep)
        sleep = min(sleep * 1.5, _LONGEST_SLEEP)


def has_seen(position: int, model: Any, alias: str) -> bool:
    """Whether a read model has seen the events up to a position; within a transaction, let it see them.

    Raises NotYetFollowed where it stopped before it, or put the event aside; and what folding raises, on the spot.
    """
    if connections[alias].in_atomic_block:
        Follower(model, alias).catch_up(position)
    return has_passed(position, model, alias)


def has_passed(position: int, model: Any, alias: str) -> bool:
    """The same, and within a transaction no read model is let see more."""
    connection: Any = connections[alias]
    label = model._meta.label
    checkpoint = read_checkpoint(connection, label)
    if checkpoint is None:
        return True  # each append keeps it
    if not checkpoint.of_this_log or checkpoint.due:
        raise NotYetFollowed(due_message(label, "its rows do not follow from this log", alias))
    done = checkpoint.position or 0
    if position <= checkpoint.head and (done >= position or not has_news(connection, _labels(model), done, position)):
        letter = letter_at(connection, label, position) if checkpoint.has_letters else None
        if letter is not None:
            raise NotYetFollowed(
                f"{label} has put the event at position {position:,} aside, see `manage.py events letters show "
                f"{letter.id} --database {alias}`"
            )
        return True
    if checkpoint.stopped:
        raise NotYetFollowed(
            f"{label} stopped after position {done:,}, before {position:,}: {checkpoint.error}. Mend that, then "
            "start `manage.py events follow` anew."
        )
    return False


def _head(connection: Any) -> int:
    return int(run(connection, "SELECT head FROM eventfold_head")[0][0])


def _labels(model: Any) -> list[str]:
    return sorted(model.projection.labels() | labels_looked_at(model.projection))
