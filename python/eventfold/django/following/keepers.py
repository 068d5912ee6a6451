"""Who keeps a read model: each append, or a follower. The database says so, for all processes at once.

A row of eventfold_follower makes appends leave a read model out, whatever the class says in the process that appends.
So an attribute that changes, and processes of the old code beside those of the new, fold no event twice and none never:
it is the follower that takes over, in one transaction, and gives back.
"""

from typing import Any

from django.db import connections

from eventfold import _core
from eventfold.django.following.checkpoints import move_checkpoint, read_checkpoint, run
from eventfold.django.following.follower import Follower
from eventfold.django.following.letters import read_letters
from eventfold.django.gate import native
from eventfold.django.read_model_state import follow_from, state_of
from eventfold.django.registry import compiled_for
from eventfold.django.tracking.inline import fold_new
from eventfold.django.transactions import ImmediateAtomic
from eventfold.errors import ProjectionError


def take_over(model: Any, alias: str) -> str:
    """Let a follower keep a read model from here on; return what must be done first, empty if nothing.

    Until then appends keep it, so its rows are right up to the head.
    """
    connection = connections[alias]
    if read_checkpoint(connection, model._meta.label) is not None:
        return ""
    with ImmediateAtomic(alias):
        if read_checkpoint(connection, model._meta.label) is not None:
            return ""
        _fold_all_new(connection)
        state = state_of(model, alias)
        if state.problem or state.position is None:
            return state.problem
        follow_from(model, alias, state.position)
    return ""


def give_back(model: Any, alias: str) -> None:
    """Let appends keep a read model again, with what was recorded since the checkpoint folded.

    Raises what folding raises, and ProjectionError where dead letters are left; the follower keeps it then.
    """
    label = model._meta.label
    connection = connections[alias]
    follower = Follower(model, alias)
    follower.catch_up()
    with ImmediateAtomic(alias):
        _fold_all_new(connection)  # else the next append would fold once more what the follower has folded
        follower.catch_up()
        if read_letters(connection, label):
            raise ProjectionError(
                f"{label} has dead letters, past which appends would fold later events of the same rows: see "
                f"`manage.py events letters list {label} --database {alias}`, and retry or discard them, or replay it"
            )
        run(connection, "DELETE FROM eventfold_follower WHERE name = ?", label)


def after_replay(model: Any, alias: str) -> None:
    """What failed before is forgotten, and a read model whose class says inline is kept by appends again."""
    connection = connections[alias]
    checkpoint = read_checkpoint(connection, model._meta.label)
    if checkpoint is None:
        return
    if model.projection.lifecycle == "inline":
        give_back(model, alias)
    elif checkpoint.error is not None and checkpoint.position is not None:
        with ImmediateAtomic(alias):
            checkpoint = read_checkpoint(connection, model._meta.label)
            if checkpoint is not None and checkpoint.position is not None:
                move_checkpoint(connection, model._meta.label, checkpoint.position, None, None)


def _fold_all_new(connection: Any) -> None:
    """Leave no event for the next append to fold, in the transaction that is open."""
    fold_new(connection)
    if native(connection, "eventfold: unfolded", _core.Log.unfolded) is not None:
        native(connection, "eventfold: fold", _core.Log.fold_pending, compiled_for(connection.alias))
