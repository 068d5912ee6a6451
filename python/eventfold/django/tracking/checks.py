"""`manage.py check`: can each translation be, and, with `--database`, has each tracked table its triggers?"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold.django import event_views
from eventfold.django.constants import is_event_model
from eventfold.django.tracking import registry, translate
from eventfold.django.tracking.event_types import TrackedEvent, events_of, tracked_labels
from eventfold.django.tracking.install import found_triggers, wanted_triggers


def connect() -> None:
    """Register the check."""
    register(check_tracking, Tags.database)
    register(check_translations, Tags.models)
    register(check_names, Tags.models)


def check_tracking(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Compare the triggers of each tracked table with those that it should have."""
    if sys.argv[1:2] == ["migrate"]:
        return []  # it runs the checks too, before it does what they would ask for
    return [
        Error(
            f"{model._meta.label} is tracked, but its table in the database {alias!r} {why}: changes go unrecorded.",
            hint=f"Run `manage.py migrate --database {alias}`.",
            obj=model,
            id="eventfold.E104",
        )
        for alias in databases or ()
        for model, why in untracked(connections[alias])
    ]


def check_translations(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Report each @translate whose field is not recorded."""
    return [
        Error(
            f"{fault}.",
            hint="Without it, each write to a table of the app that goes through Django fails with the same message.",
            id="eventfold.E105",
        )
        for fault in translate.faults()
    ]


def check_names(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Report event classes that have the name of an event type of a tracked model."""
    labels = {label.lower(): label for label in tracked_labels()}
    return [
        Error(
            f"{model._meta.label} is an event class of your own, but this is the name of what a tracked model records.",
            hint="Rename the class, or give the other one a name by a class that derives from TrackedEvent.",
            obj=model,
            id="eventfold.E106",
        )
        for model in apps.get_models()
        if is_event_model(model) and not issubclass(model, TrackedEvent) and model._meta.label_lower in labels
    ]


def untracked(connection: BaseDatabaseWrapper) -> Iterator[tuple[Any, str]]:
    """Yield tracked models whose table has not the triggers that it should have, and what is wrong."""
    if not event_views.has_log(connection):
        return
    tables = event_views.table_names(connection)
    for model in registry.tracked_models():
        tracking = registry.tracking_of(model)
        if tracking is None or not router.allow_migrate_model(connection.alias, model):
            continue
        if model._meta.db_table not in tables:
            continue  # migrate was not run at all, which Django says
        found = found_triggers(connection, model._meta.db_table)
        if not found:
            yield model, "has no triggers"
        elif found != wanted_triggers(connection, model, tracking, events_of(model)):
            yield model, "has triggers that no longer fit it"
