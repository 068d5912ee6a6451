"""What the log of a database knows of its read models: by which definition their rows were made, from which log."""

from dataclasses import dataclass
from typing import Any

from django.db import connections

from eventfold.django.event_views import has_log
from eventfold.django.projectors import projectors_of
from eventfold.django.registry import compile_model, known_fields
from eventfold.django.replay import is_projected, projectors_hash


@dataclass(frozen=True)
class State:
    """Where a read model stands. `problem` says why a replay is due; it is empty where none is."""

    label: str
    position: int | None
    problem: str


def state_of(model: Any, alias: str) -> State:
    """Compare a read model's definition and log with those that its rows were made by."""
    label = model._meta.label
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT log_id, epoch, head FROM eventfold_header")
        header = cursor.fetchone()
        cursor.execute(
            "SELECT spec_hash, log_id, epoch, position, due FROM eventfold_read_model WHERE name = %s", [label]
        )
        row = cursor.fetchone()
    if row is None:
        problem = "it was never built from the events that the log has" if _has_events(model, alias) else ""
        return State(label, None, problem)
    spec_hash, log_id, epoch, position, due = row
    problem = ""
    if log_id != header[0]:
        problem = f"its rows were made from another log ({log_id})"
    elif epoch != header[1]:
        problem = "the log was emptied since its rows were made"
    elif position > header[2]:
        problem = f"it was built up to position {position}, above the head of the log, {header[2]}"
    elif due:
        problem = "events were loaded past it"
    elif spec_hash != hash_for(model, alias):
        problem = "its definition has changed since its rows were made"
    return State(label, position, problem)


def hash_for(model: Any, alias: str) -> str:
    """Return the hash that a read model's rows would be made by now."""
    if is_projected(model):
        return compile_model(model, alias).hash
    return projectors_hash(projectors_of(model))


def note_new_read_models(alias: str) -> None:
    """Remember, after migrate, read models that no event concerns yet: they are right as they are, empty."""
    from eventfold.django.replay import replayable_models

    connection = connections[alias]
    if not has_log(connection):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM eventfold_read_model")
        noted = {row[0] for row in cursor.fetchall()}
        for model in replayable_models(alias):
            if model._meta.label in noted or _has_events(model, alias):
                continue
            cursor.execute(
                "INSERT INTO eventfold_read_model (name, spec_hash, log_id, epoch, position, due) "
                "SELECT %s, %s, log_id, epoch, head, 0 FROM eventfold_header",
                [model._meta.label, hash_for(model, alias)],
            )


def mark_due(alias: str) -> None:
    """Remember that events came past the read models, as loaddata brings them."""
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET due = 1")


def _has_events(model: Any, alias: str) -> bool:
    if is_projected(model):
        labels = model.projection.labels()
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
