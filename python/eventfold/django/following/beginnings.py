"""Where a reactor begins: at the head of the log when it is first seen, or where its user says."""

from django.db import connections

from eventfold.django.event_views import has_log, table_names
from eventfold.django.following.checkpoints import read_checkpoint, run
from eventfold.django.reactors import Reactor, reactors_of
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import EventfoldError


def begin(reactor: Reactor, alias: str) -> int | None:
    """Let a reactor that is seen for the first time begin after the head of the log; return it, or None."""
    connection = connections[alias]
    connection.ensure_connection()
    if read_checkpoint(connection, reactor.row) is not None:
        return None
    with ImmediateAtomic(alias):
        if read_checkpoint(connection, reactor.row) is not None:
            return None
        (head,) = run(connection, "SELECT head FROM eventfold_head")[0]
        _write(connection, reactor, head)
    return int(head)


def begin_new_reactors(alias: str) -> None:
    """Let all reactors begin that are seen for the first time, after migrate."""
    connection = connections[alias]
    if has_log(connection) and "eventfold_follower" in table_names(connection):
        for reactor in reactors_of(alias):
            begin(reactor, alias)


def begin_from(reactor: Reactor, alias: str, position: int | None) -> int:
    """Let the first event that a reactor sees next be that at a position, or after the head; return its checkpoint.

    Earlier failures are forgotten. Raises EventfoldError for a position that the log does not have.
    """
    connection = connections[alias]
    with ImmediateAtomic(alias):
        (head,) = run(connection, "SELECT head FROM eventfold_head")[0]
        if position is None:
            position = head + 1
        if not 1 <= position <= head + 1:
            raise EventfoldError(f"The log in the database {alias!r} has the positions 1 to {head:,}, not {position:,}")
        run(connection, "DELETE FROM eventfold_follower WHERE name = ?", reactor.row)
        _write(connection, reactor, position - 1)
    return int(position - 1)


def _write(connection: object, reactor: Reactor, position: int) -> None:
    run(
        connection,
        "INSERT INTO eventfold_read_model (name, spec_hash, log_id, epoch, position, due) "
        "SELECT ?, '', log_id, epoch, ?, 0 FROM eventfold_head WHERE true "
        "ON CONFLICT (name) DO UPDATE SET log_id = excluded.log_id, epoch = excluded.epoch, "
        "position = excluded.position, due = 0",
        reactor.row,
        position,
    )
    run(connection, "INSERT INTO eventfold_follower (name) VALUES (?)", reactor.row)
