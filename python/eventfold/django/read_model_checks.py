"""System checks of read models: what a Projection says must fit the fields, and the rows must fit the Projection."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, router

from eventfold.django.constants import is_event_model
from eventfold.django.event_views import has_log
from eventfold.django.kinds import kind_of
from eventfold.django.read_model_state import state_of
from eventfold.django.read_models import ReadModel, label_of
from eventfold.django.registry import projected_models
from eventfold.django.replay import replayable_models
from eventfold.django.specification import PSEUDO_FIELDS, column_kind, initial_value, own_columns
from eventfold.errors import InvalidEvent
from eventfold.projection import Operation

# What a column may be made of, beside its own kind.
_TAKES = {"real": {"integer"}, "decimal": {"integer"}}
_SUMMED = {"integer", "real", "decimal", "duration"}


def connect() -> None:
    """Register the checks."""
    register(check_projections, Tags.models)
    register(check_references, Tags.models)
    register(check_replays, Tags.database)


def check_projections(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Does each Projection fit its model and the events?"""
    return [message for model in projected_models() for message in _problems(model)]


def _problems(model: Any) -> Iterator[CheckMessage]:
    declaration = model.projection
    events = {}
    for label in sorted(declaration.labels()):
        try:
            event = apps.get_model(label)
        except (LookupError, ValueError):
            yield _error(model, f"names {label!r}, which is no model.", "Name an event class, or its app and class.", 1)
            return
        if not is_event_model(event):
            yield _error(model, f"reads {label}, which is no event class.", "Derive it from eventfold.django.Event.", 1)
            return
        events[label] = event
    if not events:
        yield _error(model, "reads no event.", "Give a field an operation such as Count(BookBorrowed).", 1)
    for name in declaration.key:
        for label, event in events.items():
            problem = _misfit(event, name, {column_kind(model._meta.get_field(name))})
            if problem:
                hint = f"Each event of a projection says which row it concerns: give {label} a field {name!r}."
                yield _error(model, f"has the key {name!r}: {problem}.", hint, 2)
    for name, operation in declaration.operations.items():
        yield from _operation_problems(model, model._meta.get_field(name), operation, events)
    for field in own_columns(model):
        operation = declaration.operations.get(field.name)
        connection = connections[router.db_for_write(model)]
        if not field.null and initial_value(field, operation, connection) is None:
            hint = "Give the field null=True or a default."
            yield _error(model, f"leaves {field.name!r} without a value in a new row.", hint, 4)


def _operation_problems(model: Any, field: Any, operation: Operation, events: dict[str, Any]) -> Iterator[CheckMessage]:
    kind = column_kind(field)
    if field.name in model.projection.key:
        yield _error(model, f"makes {field.name!r} a key and a result.", "A key is taken from the events as it is.", 3)
        return
    if operation.op == "count":
        if kind not in ("integer", "real", "decimal"):
            yield _error(model, f"counts into {field.name!r}, which is no number.", "Use an IntegerField.", 3)
        return
    if operation.op == "sum" and kind not in _SUMMED:
        yield _error(model, f"sums into {field.name!r}, which is no number.", "Use a number's field.", 3)
        return
    if operation.op == "sum" and kind == "decimal" and (field.max_digits or 99) > 15:
        hint = "SQLite keeps 15 digits of a decimal: use max_digits=15 or less, or an integer of the smallest unit."
        yield _error(model, f"sums into {field.name!r}, which has more than 15 digits.", hint, 3)
    takes = {kind} | _TAKES.get(kind, set())
    for source, name in operation.sources:
        problem = _misfit(events[label_of(source)], name, takes)
        if problem:
            yield _error(model, f"fills {field.name!r}: {problem}.", "The fields must be of one kind.", 3)


def _misfit(event: Any, name: str | None, kinds: set[str]) -> str:
    label = event._meta.label
    if name in PSEUDO_FIELDS:
        kind = PSEUDO_FIELDS[name]
    else:
        try:
            kind = kind_of(event._meta.get_field(name))
        except FieldDoesNotExist:
            return f"{label} has no field {name!r}"
        except InvalidEvent as error:
            return str(error)
    return "" if kind in kinds else f"{name!r} of {label} is of the kind {kind}, not {' or '.join(sorted(kinds))}"


def _error(model: Any, problem: str, hint: str, number: int) -> CheckMessage:
    return Error(f"The Projection {problem}", hint=hint, obj=model, id=f"eventfold.E20{number}")


def check_references(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A row of a read model may go and come back: nothing may hold it by a constraint."""
    return [
        Error(
            f"{model._meta.label}.{field.name} refers to the read model {field.related_model._meta.label}, whose rows "
            "come and go with the log.",
            hint="Use db_constraint=False and on_delete=DO_NOTHING, or keep the key in a plain field.",
            obj=field,
            id="eventfold.E205",
        )
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.is_relation
        and isinstance(field.related_model, type)
        and issubclass(field.related_model, ReadModel)
        and getattr(field, "db_constraint", False)
    ]


def check_replays(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Is a replay due, e.g. since a Projection's definition was changed?"""
    messages: list[CheckMessage] = []
    if sys.argv[1:2] == ["migrate"]:
        return messages  # the tables may be on their way
    for alias in databases or ():
        if not has_log(connections[alias]):
            continue
        for model in replayable_models(alias):
            state = state_of(model, alias)
            if state.problem:
                messages.append(
                    Warning(
                        f"A replay of {state.label} is due in the database {alias!r}: {state.problem}.",
                        hint=f"Run `manage.py events replay {state.label} --database {alias}`.",
                        obj=model,
                        id="eventfold.W201",
                    )
                )
    return messages
