"""System checks of read models: what a Projection says must fit the fields, and the rows must fit the Projection."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, router

from eventfold import _core
from eventfold.aggregates import Collected
from eventfold.django.aggregate_checks import COMPARED, collected_problems
from eventfold.django.conditions import compile_conditions
from eventfold.django.constants import is_event_model
from eventfold.django.declared import declared_model
from eventfold.django.event_views import has_log, table_names
from eventfold.django.expressions import compile_source, kind_of_source
from eventfold.django.following.letters import count_letters
from eventfold.django.projectors import all_projectors
from eventfold.django.reactors import all_reactors
from eventfold.django.read_model_state import is_async, state_of
from eventfold.django.read_models import ReadModel, label_of
from eventfold.django.replay import is_projected, replayable_models
from eventfold.django.specification import as_text, column_kind, initial_value, key_names, own_columns, specification
from eventfold.django.wildcards import labels_like
from eventfold.errors import InvalidEvent, ProjectionError
from eventfold.projection import CountDistinct, Operation

# What a column may be made of, beside its own kind.
_TAKES = {"real": {"integer"}, "decimal": {"integer"}}
_SUMMED = {"integer", "real", "decimal", "duration"}
_KEEP_THE_KEY = "Use db_constraint=False with on_delete=DO_NOTHING, or keep the key in a plain field."


def connect() -> None:
    """Register the checks."""
    register(check_projectors, Tags.models)
    register(check_references, Tags.models)
    register(check_replays, Tags.database)
    register(check_reactors, Tags.models)
    register(check_letters, Tags.database)


def check_projection(model: Any) -> list[CheckMessage]:
    """Does a Projection fit its model and the events? Called by the check of each read model."""
    if model.projection is None or model._meta.proxy:
        return []
    return list(_problems(model)) or list(_problems_of_the_whole(model))


def _problems_of_the_whole(model: Any) -> Iterator[CheckMessage]:
    """What the core finds wrong where each part is right."""
    try:
        _core.mergeable(as_text(specification(model, connections[router.db_for_write(model)], {})))
    except ProjectionError as error:
        yield _error(model, f"cannot be as a whole: {error}.", "Make a read model of each list or part.", 3)


def _problems(model: Any) -> Iterator[CheckMessage]:
    declaration = model.projection
    events = {}
    for pattern in sorted(set(declaration.unmatched)):
        hint = (
            'A pattern is an app\'s label, as in "books.*", or "*"; its types have the fields that are asked of them.'
        )
        yield _error(model, f"reads {pattern!r}, and no event type is such.", hint, 1)
    for label in sorted(declaration.labels()):
        try:
            event = declared_model(label)
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
        try:
            kinds = {column_kind(model._meta.get_field(name))}
        except InvalidEvent as error:
            yield _error(model, f"cannot have the key {name!r}: {error}.", "A key is a number, a text or a date.", 2)
            continue
        source, unit = declaration.key_source(name)
        if unit is not None:
            spans = {"datetime"} if unit == "hour" else {"date", "datetime"}
            if not kinds <= spans:
                hint = "Use a DateTimeField." if unit == "hour" else "Use a DateField."
                yield _error(
                    model, f"has the key {name!r}, which cannot be {'an' if unit == 'hour' else 'a'} {unit}.", hint, 2
                )
                continue
            kinds = spans
        misfits = False
        for label, event in events.items():
            if problem := _misfit(event, source, kinds, model._meta.get_field(name)):
                hint = "Each event of a projection says which row it concerns" + (
                    f": give {label} a field {source!r}." if isinstance(source, str) else "."
                )
                yield _error(model, f"has the key {name!r}: {problem}.", hint, 2)
                misfits = True
        if not misfits and len(meanings := key_names(model, name)) > 1:
            hint = "Give the events fields of the same names and kinds."
            yield _error(model, f"has the key {name!r}, which is {' or '.join(sorted(meanings))}.", hint, 2)
    if not _is_unique(model, declaration.key):
        names = ", ".join(repr(name) for name in declaration.key)
        hint = f'Add models.UniqueConstraint(fields=[{names}], name="...") to Meta.constraints, or a primary key.'
        yield _error(model, f"has the key {names}, by which the table may have several rows.", hint, 6)
    for field in own_columns(model):
        operation = declaration.operations.get(field.name)
        try:
            column_kind(field)
        except InvalidEvent:
            hint = "Keep what can be written as text or number: a file's name, another row's key."
            yield _error(model, f"cannot fill {field.name!r}, a {type(field).__name__}.", hint, 3)
            continue
        if operation is not None:
            yield from _operation_problems(field, operation, events)
        connection = connections[router.db_for_write(model)]
        if not field.null and initial_value(field, operation, connection) is None:
            hint = "Give the field null=True or a default."
            yield _error(model, f"leaves {field.name!r} without a value in a new row.", hint, 4)
    yield from _condition_problems(model, events)
    for name in declaration.operations:
        if name in declaration.key:
            hint = "A key is taken from the events as it is."
            yield _error(model, f"makes {name!r} a key and a result.", hint, 3)


def _is_unique(model: Any, key: tuple[str, ...]) -> bool:
    fields = {model._meta.get_field(name) for name in key}
    if len(fields) == 1 and next(iter(fields)).unique:
        return True
    sets = [{model._meta.get_field(name) for name in names} for names in model._meta.unique_together]
    sets += [
        {model._meta.get_field(name) for name in constraint.fields}
        for constraint in model._meta.total_unique_constraints
    ]
    return fields in [*sets, set(getattr(model._meta, "pk_fields", [model._meta.pk]))]


def _operation_problems(field: Any, operation: Operation, events: dict[str, Any]) -> Iterator[CheckMessage]:
    model = field.model
    kind = column_kind(field)
    if isinstance(operation, Collected):

        def misfit(source: Any, value: Any, kinds: set[str]) -> str:
            return _misfit(events[label_of(source)], value, kinds)

        for problem, hint in collected_problems(field, operation, misfit):
            yield _error(model, problem, hint, 3)
        return
    if isinstance(operation, CountDistinct):
        yield from _distinct_problems(field, operation, events)
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
        if name is None:
            if kind == "duration":
                hint = "Sum a DurationField of the event, or use an IntegerField."
                yield _error(model, f"sums numbers into {field.name!r}, which is a duration.", hint, 3)
            continue
        problem = _misfit(events[label_of(source)], name, takes, field)
        if problem:
            yield _error(model, f"fills {field.name!r}: {problem}.", "The fields must be of one kind.", 3)


def _distinct_problems(field: Any, operation: CountDistinct, events: dict[str, Any]) -> Iterator[CheckMessage]:
    model = field.model
    if column_kind(field) != "integer":
        yield _error(model, f"counts different values into {field.name!r}, no integer.", "Use an IntegerField.", 3)
        return
    for source, value in operation.sources:
        if problem := _misfit(events[label_of(source)], value, COMPARED | {"binary"}):
            hint = "Values are compared: a list or an object of a JSONField cannot be."
            yield _error(model, f"fills {field.name!r}: {problem}.", hint, 3)


def _condition_problems(model: Any, events: dict[str, Any]) -> Iterator[CheckMessage]:
    connection = connections[router.db_for_write(model)]
    found = []
    compiled: dict[str, set[str]] = {}
    for label, conditions in model.projection.conditions():
        try:
            compiled.setdefault(label, set()).add(str(compile_conditions(events[label], connection, *conditions)))
        except ProjectionError as error:
            found.append(str(error))
    found += [f"more than 64 conditions on {label}" for label, each in compiled.items() if len(each - {"None"}) > 64]
    hint = "Compare fields of the event with values that they can have, by one of the lookups in docs/read_models.md."
    for problem in dict.fromkeys(found):
        yield _error(model, f"has {problem}.", hint, 9)


def _misfit(event: Any, source: Any, kinds: set[str], target: Any = None) -> str:
    """Say why a field or an expression cannot fill a field of the read model; nothing if it can."""
    try:
        compiled = compile_source(event, source, target)
        kind = kind_of_source(event, compiled)
    except (ProjectionError, InvalidEvent) as error:
        return str(error)
    if kind in kinds:
        return ""
    return f"{compiled.text!r} of {event._meta.label} is of the kind {kind}, not {' or '.join(sorted(kinds))}"


def _error(model: Any, problem: str, hint: str, number: int) -> CheckMessage:
    return Error(f"The Projection {problem}", hint=hint, obj=model, id=f"eventfold.E20{number}")


def check_projectors(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Does each projector name event classes, and models that nothing else keeps?"""
    messages: list[CheckMessage] = []
    for each in all_projectors():
        name = f"{each.function.__module__}.{each.function.__qualname__}"
        for label in each.events:
            event = _model(label)
            if event is None or not is_event_model(event):
                hint = 'Name an event class: its app and class, as in @projector("books.BookBorrowed", ...).'
                messages.append(_projector_error(f"{name} is called for {label!r}, which is no event class.", hint))
        for label in each.reads:
            model = _model(label)
            if model is None:
                hint = 'Name a model by its app and class, as in reads="books.BookList".'
                messages.append(_projector_error(f"{name} keeps {label!r}, which is no model.", hint))
            elif is_projected(model):
                hint = "Leave it to one of them: a replay goes by the Projection alone."
                messages.append(_projector_error(f"{name} keeps {label}, which has a Projection.", hint))
    return messages


def _model(label: str) -> Any:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def _projector_error(problem: str, hint: str) -> CheckMessage:
    return Error(f"The projector {problem}", hint=hint, id="eventfold.E207")


def check_references(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Rows of a read model come and go with the log, and stay when other rows go: no constraint may hold either."""
    messages: list[CheckMessage] = []
    for model in _models(app_configs):
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            related: Any = field.related_model
            if related is None:
                continue
            if issubclass(related, ReadModel) and (field.many_to_many or getattr(field, "db_constraint", False)):
                messages.append(
                    Error(
                        f"{model._meta.label}.{field.name} refers to the read model {related._meta.label}, whose rows "
                        "come and go with the log.",
                        hint=_KEEP_THE_KEY,
                        obj=field,
                        id="eventfold.E205",
                    )
                )
            elif is_projected(model) and field.many_to_many:
                hint = "Keep the keys in a JSONField by an @on method, or make a read model of the pairs."
                messages.append(_error(model, f"cannot fill the ManyToManyField {field.name!r}.", hint, 3))
            elif is_projected(model) and getattr(field, "db_constraint", False):
                messages.append(
                    Warning(
                        f"{model._meta.label}.{field.name} refers to {related._meta.label} by a constraint: an event "
                        "that names a row which is gone could not be folded.",
                        hint=_KEEP_THE_KEY,
                        obj=field,
                        id="eventfold.W202",
                    )
                )
    return messages


def _models(app_configs: Sequence[AppConfig] | None) -> list[Any]:
    if app_configs is None:
        return apps.get_models()
    return [model for config in app_configs for model in config.get_models()]


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
            if is_projected(model) and any(_problems(model)):
                continue  # cannot be compiled, as the other check says
            state = state_of(model, alias)
            if state.followed != is_async(model) and not state.problem:
                messages.append(_kept_otherwise(model, alias, state.followed))
            if state.problem:
                kind = Error if state.foreign else Warning
                messages.append(
                    kind(
                        f"A replay of {state.label} is due in the database {alias!r}: {state.problem}.",
                        hint=f"Run `manage.py events replay {state.label} --database {alias}`.",
                        obj=model,
                        id="eventfold.E208" if state.foreign else "eventfold.W201",
                    )
                )
    return messages


def _kept_otherwise(model: Any, alias: str, followed: bool) -> CheckMessage:
    label = model._meta.label
    keeps, says = ("a follower", "inline") if followed else ("each append", "async")
    return Warning(
        f"The Projection of {label} is {says}, while {keeps} keeps its rows in the database {alias!r}.",
        hint=f"Run `manage.py events follow --database {alias}`"
        + (", once with --once: it gives them back." if followed else ": it takes them over."),
        obj=model,
        id="eventfold.W203",
    )


def check_reactors(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Does each reactor name event classes?"""
    messages: list[CheckMessage] = []
    for each in all_reactors():
        for source in each.events:
            labels = labels_like(source)
            if not labels or not all(map(_is_event_type, labels)):
                hint = 'Name an event class, as in @reactor("books.BookBorrowed"), or all of an app, "books.*".'
                problem = f"The reactor {each.name} is called for {source!r}, which is no event class."
                messages.append(Error(problem, hint=hint, id="eventfold.E210"))
    return messages


def _is_event_type(label: str) -> bool:
    try:
        return is_event_model(declared_model(label))
    except (LookupError, ValueError):
        return False


def check_letters(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Are there dead letters, about which somebody must decide?"""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        if not has_log(connections[alias]) or "eventfold_dead_letter" not in table_names(connections[alias]):
            continue
        for name, letters in count_letters(connections[alias]).items():
            label = name.removeprefix("reactor:")
            messages.append(
                Warning(
                    f"{label} has {letters:,} dead letter{'s' * (letters != 1)} in the database {alias!r}.",
                    hint=f"See `manage.py events letters list {label} --database {alias}`; mend the cause, "
                    "then `retry` or `discard` them.",
                    id="eventfold.W204",
                )
            )
    return messages
