"""What the log of a database knows of its read models: by which definition their rows were made, from which log."""

from dataclasses import dataclass
from typing import Any

from django.db import connections

from eventfold.django.event_views import has_log
from eventfold.django.lookup import labels_looked_at
from eventfold.django.projector_replay import projectors_hash
from eventfold.django.projectors import projectors_of
from eventfold.django.registry import compile_model, followed_labels, known_fields, live_models_of
from eventfold.django.replay import is_projected, replayable_models
from eventfold.django.transactions import ImmediateAtomic

DEFINITION_CHANGED = "its definition has changed since its rows were made"


@dataclass(frozen=True)
class State:
    """Where a read model stands. `problem` says why a replay is due; it is empty where none is."""

    label: str
    position: int | None
    """Up to which position its rows follow from the log; None: nothing is known."""
    problem: str = ""
    foreign: bool = False
    """Its rows were made from another log, or another past of this one: no event can be added to them."""
    followed: bool = False
    """A follower keeps the rows, not each append."""


def state_of(model: Any, alias: str) -> State:
    """Compare a read model's definition and log with those that its rows were made by."""
    label = model._meta.label
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT log_id, epoch, head FROM eventfold_head")
        log_id, epoch, head = cursor.fetchone()
        cursor.execute(
            "SELECT spec_hash, log_id, epoch, position, due FROM eventfold_read_model WHERE name = %s", [label]
        )
        row = cursor.fetchone()
    followed = label in followed_labels(alias)
    if row is None:
        if _has_events(model, alias):
            return State(label, None, "it was never built from the events that the log has")
        return State(label, head, followed=followed)
    spec_hash, its_log, its_epoch, position, due = row
    if its_log != log_id:
        return State(label, None, f"its rows were made from another log, {its_log}", foreign=True, followed=followed)
    if its_epoch != epoch:
        return State(label, None, "the log was emptied since its rows were made", foreign=True, followed=followed)
    if position > head:
        problem = f"its rows were made up to position {position}, above the head of the log, {head}"
        return State(label, None, problem, foreign=True, followed=followed)
    if due:
        return State(label, position, "events were loaded past it, or its rows were deleted", followed=followed)
    if spec_hash != hash_for(model, alias):
        return State(label, position, DEFINITION_CHANGED, followed=followed)
    return State(label, position if followed else head, followed=followed)  # each append keeps the others right


def hash_for(model: Any, alias: str) -> str:
    """Return the hash that a read model's rows would be made by now."""
    if is_projected(model):
        return compile_model(model, alias).hash
    return projectors_hash(model._meta.label, projectors_of(model))


def follow_from(model: Any, alias: str, position: int) -> None:
    """Let a follower keep a read model, whose rows are right up to a position. Appends leave it out from here on.

    In the caller's transaction.
    """
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "INSERT INTO eventfold_read_model (name, spec_hash, log_id, epoch, position, due) "
            "SELECT %s, %s, log_id, epoch, %s, 0 FROM eventfold_head WHERE true "
            "ON CONFLICT (name) DO UPDATE SET position = excluded.position",
            [model._meta.label, hash_for(model, alias), position],
        )
        cursor.execute("INSERT INTO eventfold_follower (name) VALUES (%s)", [model._meta.label])


def note_new_read_models(alias: str) -> None:
    """Remember, after migrate, read models that no event concerns yet: they are right as they are, empty.

    A new one that a follower is to keep is left to it from the start, and built by it.
    """
    connection = connections[alias]
    if not has_log(connection):
        return
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in live_models_of(alias):
            if model._meta.db_table in tables:
                _store_nothing(model, alias)
        followed = followed_labels(alias)
        for model in replayable_models(alias):
            if model._meta.db_table not in tables or _has_rows(model, alias):
                continue
            has_events = _has_events(model, alias)
            if is_async(model) and model._meta.label not in followed:
                _leave_to_follower(model, alias)
            if has_events:
                continue
            if not is_async(model) and model._meta.label in followed:
                _leave_to_appends(model, alias)
            cursor.execute(
                "INSERT INTO eventfold_read_model (name, spec_hash, log_id, epoch, position, due) "
                "SELECT %s, %s, log_id, epoch, head, 0 FROM eventfold_head WHERE true "
                "ON CONFLICT (name) DO UPDATE SET spec_hash = excluded.spec_hash "
                "WHERE spec_hash IS NOT excluded.spec_hash",
                [model._meta.label, hash_for(model, alias)],
            )


def _store_nothing(model: Any, alias: str) -> None:
    """Forget the rows of a read model that was kept before it became live, and how far they were."""
    connection = connections[alias]
    with ImmediateAtomic(alias), connection.cursor() as cursor:
        for table in (
            "eventfold_follower",
            "eventfold_dead_letter",
            "eventfold_pace",
            "eventfold_distinct",
            "eventfold_lookup",
            "eventfold_read_model",
        ):
            cursor.execute(f"DELETE FROM {table} WHERE name = %s", [model._meta.label])
        cursor.execute(f"DELETE FROM main.{connection.ops.quote_name(model._meta.db_table)}")


def is_async(model: Any) -> bool:
    """Whether a class says that a follower keeps its rows."""
    return is_projected(model) and model.projection.lifecycle == "async"


def _leave_to_follower(model: Any, alias: str) -> None:
    """Let a follower keep a read model that has no rows, if no append has folded it yet."""
    with ImmediateAtomic(alias):
        if model._meta.label in followed_labels(alias) or _has_rows(model, alias):
            return
        has_events = _has_events(model, alias)
        if not has_events or not _is_known(model, alias):
            follow_from(model, alias, 0 if has_events else _head(alias))


def _leave_to_appends(model: Any, alias: str) -> None:
    """Let appends keep a read model that no event concerns yet, as in a test database of an earlier run."""
    with ImmediateAtomic(alias), connections[alias].cursor() as cursor:
        if not _has_events(model, alias):
            cursor.execute("DELETE FROM eventfold_follower WHERE name = %s", [model._meta.label])


def _is_known(model: Any, alias: str) -> bool:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1 FROM eventfold_read_model WHERE name = %s", [model._meta.label])
        return cursor.fetchone() is not None


def _head(alias: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT head FROM eventfold_head")
        return int(cursor.fetchone()[0])


def mark_due(alias: str) -> None:
    """Remember that events came past the read models, as loaddata brings them."""
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET due = 1")


def _has_rows(model: Any, alias: str) -> bool:
    return model._base_manager.using(alias).exists()  # type: ignore[no-any-return]


def _has_events(model: Any, alias: str) -> bool:
    if is_projected(model):
        labels = model.projection.labels() | labels_looked_at(model.projection)
    else:
        labels = {label for each in projectors_of(model) for label in each.events}
    wanted = sorted(labels & known_fields(alias).keys())
    if not wanted:
        return False
    marks = ", ".join(["%s"] * len(wanted))
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM eventfold_event WHERE type_id IN "
            f"(SELECT id FROM eventfold_type WHERE name IN ({marks})) LIMIT 1",
            wanted,
        )
        return cursor.fetchone() is not None
