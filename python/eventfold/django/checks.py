"""System checks of event classes and of the databases that hold their log."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, models, router

from eventfold.django.codec import stream_parts
from eventfold.django.constants import APP_LABEL, is_event_model
from eventfold.django.kinds import event_fields, kind_of
from eventfold.errors import InvalidEvent

_KEEP_THE_VALUE = (
    "An event keeps the value that was true then: keep the other row's key in a BigIntegerField, UUIDField or "
    "CharField."
)
_DECIDE_FIRST = (
    "A log has no unique values, and a recorded event is never checked again. Decide before you append: ask a read "
    "model in a pre_save receiver or in clean(), or use expect_version() or idempotent()."
)
RESERVED = {
    "recorded": "what the log knows beside the fields",
    "position": "the event's place in the log",
    "created": "the time at which it was recorded",
}


def connect() -> None:
    """Register the checks that are not of one class."""
    register(check_databases, Tags.compatibility)
    register(check_routers, Tags.models)


def check_event_class(cls: Any) -> list[CheckMessage]:
    """Check one event class. Django's own checks of models have run."""
    if cls._meta.proxy or not is_event_model(cls):
        return []
    return list(_problems(cls))


def _problems(cls: Any) -> Iterator[CheckMessage]:
    from eventfold.django.events import Event

    meta = cls._meta
    parents = [parent for parent in meta.parents if parent is not cls]
    if parents:
        yield _error(
            cls,
            f"inherits from the event class {parents[0]._meta.label}.",
            "An event has one type. Put the fields that several types share into an abstract class.",
            "E003",
        )
        return
    for field in [*meta.local_fields, *meta.local_many_to_many, *meta.private_fields]:
        yield from _field_problems(cls, field, Event)
    if (
        meta.unique_together
        or meta.total_unique_constraints
        or any(isinstance(constraint, models.UniqueConstraint) for constraint in meta.constraints)
    ):
        yield _error(cls, "has a constraint that its values are unique.", _DECIDE_FIRST, "E002")
    elif meta.constraints:
        yield _error(
            cls,
            "has a constraint, but no table that could hold it.",
            "State the rule in the field's validators, or in clean().",
            "E002",
        )
    if meta.indexes:
        yield _error(
            cls,
            "has Meta.indexes, but no table that could have them.",
            "Use db_index=True on up to two numbers and two texts.",
            "E006",
        )
    if meta.order_with_respect_to:
        yield _error(cls, "has order_with_respect_to.", "Events are ordered by their position.", "E006")
    try:
        stream_parts(cls, event_fields(cls))
    except InvalidEvent as error:
        yield Error(str(error), obj=cls, id="eventfold.E007")


def _field_problems(cls: Any, field: Any, event: Any) -> Iterator[CheckMessage]:
    name = field.name
    if name in ("position", "created"):
        if field.creation_counter != event._meta.get_field(name).creation_counter:
            yield _error(field, f"redefines {name}, {RESERVED[name]}.", "Choose another name.", "E004")
        return
    if name in RESERVED:
        yield _error(field, f"hides {name}, {RESERVED[name]}.", "Choose another name.", "E004")
    if field.is_relation:
        yield _error(field, "refers to another model.", _KEEP_THE_VALUE, "E001")
        return
    if field.primary_key:
        yield _error(field, "is a primary key.", "The primary key of an event is its position in the log.", "E004")
    elif field.unique or getattr(field, "unique_for_date", None) or field.unique_for_month or field.unique_for_year:
        yield _error(field, "is unique.", _DECIDE_FIRST, "E002")
    if field.has_db_default() and hasattr(field.db_default, "resolve_expression"):
        yield _error(field, "has a default that the database computes.", "Use default= with a function.", "E005")
    try:
        kind_of(field)
    except InvalidEvent as error:
        yield Error(str(error), obj=field, id="eventfold.E005")


def _error(obj: Any, problem: str, hint: str, number: str) -> CheckMessage:
    subject = "This event class" if isinstance(obj, type) else "This field of an event"
    return Error(f"{subject} {problem}", hint=hint, obj=obj, id=f"eventfold.{number}")


def check_databases(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Recommend the settings with which SQLite is at its best under several writers. Opens no connection."""
    messages: list[CheckMessage] = []
    for alias in sorted({router.db_for_write(model) for model in _event_models()} & set(connections)):
        database: Any = settings.DATABASES[alias]
        if connections[alias].vendor != "sqlite" or _is_in_memory(database):
            continue
        options = database.get("OPTIONS", {})
        if str(options.get("transaction_mode") or "").upper() not in ("IMMEDIATE", "EXCLUSIVE"):
            messages.append(
                Warning(
                    f"Transactions on the database {alias!r} begin DEFERRED: one that reads, and then appends after "
                    'somebody else committed, fails with "database is locked" at once.',
                    hint=f'Set DATABASES[{alias!r}]["OPTIONS"]["transaction_mode"] = "IMMEDIATE".',
                    id="eventfold.W001",
                )
            )
        if "journal_mode=wal" not in str(options.get("init_command") or "").lower().replace(" ", ""):
            messages.append(
                Warning(
                    f"The database {alias!r} is not told to keep a write-ahead log: readers and writers wait for each "
                    "other.",
                    hint=f'Set DATABASES[{alias!r}]["OPTIONS"]["init_command"] = '
                    '"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL".',
                    id="eventfold.W002",
                )
            )
    return messages


def check_routers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """An event is written where its log is, and its read models in the same transaction."""
    from eventfold.django.registry import projected_models

    messages: list[CheckMessage] = []
    for model in _event_models():
        alias = router.db_for_write(model)
        if not router.allow_migrate(alias, APP_LABEL):
            messages.append(
                Error(
                    f"{model._meta.label} is written to the database {alias!r}, but no router lets that have a log.",
                    hint=f'Let allow_migrate({alias!r}, "{APP_LABEL}") return True or None.',
                    obj=model,
                    id="eventfold.E008",
                )
            )
    for read_model in projected_models():
        home = router.db_for_write(read_model)
        for label in sorted(read_model.projection.labels()):
            event = _model(label)
            if event is not None and router.db_for_write(event) != home:
                messages.append(
                    Error(
                        f"{read_model._meta.label} is written to the database {home!r}, but {label}, which it is "
                        f"folded from, to {router.db_for_write(event)!r}.",
                        hint="Route both to one database: a read model changes in the transaction of the append.",
                        obj=read_model,
                        id="eventfold.E009",
                    )
                )
    return messages


def _model(label: str) -> Any:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None  # a check of read models says so


def _event_models() -> list[Any]:
    return [model for model in apps.get_models() if is_event_model(model)]


def _is_in_memory(database: Any) -> bool:
    name = str(database.get("NAME") or "")
    return ":memory:" in name or "mode=memory" in name
