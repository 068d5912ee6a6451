"""`manage.py check --database`: do the views that a database has fit the event classes?"""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, router

from eventfold.django import event_views
from eventfold.django.constants import is_event_model
from eventfold.django.kinds import event_fields, kind_of, slots_of
from eventfold.errors import InvalidEvent


def connect() -> None:
    """Register the checks."""
    register(check_views, Tags.database)
    register(check_time_zones, Tags.database)
    register(check_indexes, Tags.models)


def check_views(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Compare each view with its class."""
    messages: list[CheckMessage] = []
    if sys.argv[1:2] == ["migrate"]:
        return messages  # it runs the checks too, before it does what they would ask for
    for alias in databases or ():
        connection = connections[alias]
        models = [model for model in _event_models(app_configs) if router.allow_migrate_model(alias, model)]
        if not models or connection.vendor != "sqlite":
            continue
        if not event_views.has_log(connection):
            messages.append(
                Error(
                    f"The database {alias!r} has no event log.",
                    hint=f"Run `manage.py migrate --database {alias}`.",
                    id="eventfold.E101",
                )
            )
            continue
        for model in models:
            row = event_views.find_type(connection, model._meta.label)
            if row is None or row.view is None:
                why = "has no view"
            elif row.view_hash != event_views.view_hash(model):
                why = "has a view that no longer fits the class"
            else:
                continue
            messages.append(
                Error(
                    f"{model._meta.label} {why} in the database {alias!r}.",
                    hint=f"Run `manage.py makemigrations`, then `manage.py migrate --database {alias}`.",
                    obj=model,
                    id="eventfold.E102",
                )
            )
    return messages


def check_time_zones(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """A view cannot convert to a time zone other than UTC, in which the log keeps every time."""
    return [
        Error(
            f"The database {alias!r} has a TIME_ZONE of its own, {zone}; an event log keeps its times in UTC.",
            hint="Remove TIME_ZONE from this entry of DATABASES: Django then stores UTC in it.",
            id="eventfold.E103",
        )
        for alias in databases or ()
        if settings.USE_TZ
        and connections[alias].vendor == "sqlite"
        and (zone := connections[alias].settings_dict["TIME_ZONE"]) not in (None, "UTC")
        and any(router.allow_migrate_model(alias, model) for model in _event_models(app_configs))
    ]


def check_indexes(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Say which `db_index=True` has no effect."""
    messages: list[CheckMessage] = []
    for model in _event_models(app_configs):
        slots = slots_of(model)
        for field in event_fields(model):
            if not getattr(field, "db_index", False) or field.name in slots or field.get_internal_type() == "SlugField":
                continue
            messages.append(
                Warning(
                    f"db_index has no effect on {field.name} ({kind_of(field)}): lookups on it read all events of "
                    "the type.",
                    hint="An event type can have an index on two numbers (integers, booleans, durations) and on two "
                    "texts (texts, dates, times, UUIDs): the first by name.",
                    obj=field,
                    id="eventfold.W101",
                )
            )
    return messages


def _event_models(app_configs: Iterable[AppConfig] | None) -> list[Any]:
    """All of them but those that have a field that no event can have, which another check reports."""
    configs = apps.get_app_configs() if app_configs is None else app_configs
    models = [model for config in configs for model in config.get_models() if is_event_model(model)]
    return [model for model in models if _is_possible(model)]


def _is_possible(model: Any) -> bool:
    try:
        event_views.view_hash(model)
    except InvalidEvent:
        return False
    return True
