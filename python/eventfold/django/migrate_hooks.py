"""Views follow migrations: each operation on an event model is joined by one that brings its view up to date.

The operations are put into the plan just before it runs (as django.contrib.contenttypes does for renames), so that a
view changes in the same transaction as its migration, forward and backward, and a RunPython in between sees the view
that belongs to that point. post_migrate repairs what no plan had: apps without migrations, faked ones, hand-made ones.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.migrations import Migration
from django.db.migrations.operations import (
    AddField,
    CreateModel,
    DeleteModel,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.operations.models import ModelOperation
from django.db.models import NOT_PROVIDED
from django.db.models.signals import post_migrate, pre_migrate

from eventfold.django import event_views
from eventfold.django.constants import APP_LABEL, is_event_model, is_event_options
from eventfold.django.tracking.event_types import all_tracked_events, own_classes

Plan = Sequence[tuple[Migration, bool]]


def connect(app_config: AppConfig) -> None:
    """Listen to migrate."""
    pre_migrate.connect(join_plan, sender=app_config, dispatch_uid="eventfold.join_plan")
    post_migrate.connect(repair, sender=app_config, dispatch_uid="eventfold.repair")


class KeepEventViews(Operation):
    """Brings views up to date after an operation, or after it was undone."""

    reduces_to_sql = False
    reversible = True

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._keep(app_label, schema_editor.connection, to_state, list(flatten(self.operation)), backward=False)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        operations = list(flatten(self.operation))
        self._keep(app_label, schema_editor.connection, to_state, operations[::-1], backward=True)

    def describe(self) -> str:
        return "Bring the views of event types up to date"

    def _keep(
        self, app_label: str, connection: Any, state: Any, operations: Sequence[Operation], *, backward: bool
    ) -> None:
        names = {name for operation in operations for name in model_names(operation)}
        states = [state.models[app_label, name] for name in sorted(names) if (app_label, name) in state.models]
        if not any(is_event_options(model_state.options) for model_state in states) and not (
            event_views.has_log(connection)
        ):
            return  # no event is concerned
        if not event_views.ensure_log(connection):
            return
        for operation in operations:
            _rename(connection, app_label, operation, backward)
        for name in sorted(names):
            if (app_label, name) not in state.models:
                event_views.drop_view(connection, f"{app_label}.{name}")
        for model_state in states:
            if not is_event_options(model_state.options):
                continue
            model = state.apps.get_model(app_label, model_state.name_lower)
            if router.allow_migrate_model(connection.alias, model):
                event_views.sync_view(connection, model, one_off_defaults(model_state.name_lower, operations))


def join_plan(plan: Plan | None = None, apps: Any = global_apps, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Put a KeepEventViews beside each operation of the plan that may concern an event model."""
    if not plan or connections[using].vendor != "sqlite":
        return
    events = {(model._meta.app_label, model._meta.model_name) for model in apps.get_models() if is_event_model(model)}
    tracked = own_classes()  # their views follow the tracked model
    for migration, backward in plan:
        operations: list[Operation] = []
        for operation in migration.operations:
            if isinstance(operation, KeepEventViews):
                continue  # of a plan that was joined before
            if not _concerns_events(migration.app_label, operation, events, tracked, backward):
                operations.append(operation)
            elif backward:  # operations are undone in reverse, so this one comes after
                operations += [KeepEventViews(operation), operation]
            else:
                operations += [operation, KeepEventViews(operation)]
        migration.operations = operations  # type: ignore[misc]


def repair(plan: Plan | None = None, apps: Any = global_apps, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Install the log and make every view fit its model, where no migration did."""
    connection = connections[using]
    if any(migration.app_label == APP_LABEL and backward for migration, backward in plan or ()):
        return  # the log was just removed
    if event_views.ensure_log(connection):
        event_views.repair_views(connection, [*apps.get_models(), *all_tracked_events()])


def _concerns_events(
    app_label: str, operation: Operation, events: set[tuple[str, str]], tracked: set[tuple[str, str]], backward: bool
) -> bool:
    """Whether an operation may concern an event model; `events` are those that are known, and learns of more.

    Of `tracked`, classes for events of tracked models, only the names matter here.
    """
    concerned = False
    for part in flatten(operation):
        names = [(app_label, name) for name in model_names(part)]
        if tracked.intersection(names) and not isinstance(part, RenameModel):
            continue
        if isinstance(part, CreateModel) and is_event_options(part.options):
            events.update(names)
        elif isinstance(part, DeleteModel) and backward:
            events.update(names)  # it may come back as one
        elif isinstance(part, RenameModel) and events.intersection(names):
            events.update(names)
        concerned = concerned or bool(events.intersection(names))
    return concerned


def flatten(operation: Operation) -> Iterator[Operation]:
    """The operation, or those that it makes in the migration state alone (SeparateDatabaseAndState, RunSQL)."""
    parts = getattr(operation, "state_operations", None)
    if isinstance(parts, (list, tuple)):
        for part in parts:
            yield from flatten(part)
    else:
        yield operation


def model_names(operation: Operation) -> list[str]:
    if isinstance(operation, RenameModel):
        return [operation.old_name_lower, operation.new_name_lower]
    if isinstance(operation, ModelOperation):
        return [operation.name_lower]
    if isinstance(operation, FieldOperation):
        return [operation.model_name_lower]
    return []


def _rename(connection: Any, app_label: str, operation: Operation, backward: bool) -> None:
    if isinstance(operation, RenameModel):
        names = operation.old_name, operation.new_name
        old, new = names[::-1] if backward else names
        event_views.rename_type(connection, f"{app_label}.{old}", f"{app_label}.{new}")
    elif isinstance(operation, RenameField):
        names = operation.old_name, operation.new_name
        old, new = names[::-1] if backward else names
        event_views.rename_field(connection, f"{app_label}.{operation.model_name}", old, new)


def one_off_defaults(model_name: str, operations: Sequence[Operation]) -> dict[str, Any]:
    """The defaults that makemigrations asked for, which the field itself does not keep."""
    return {
        operation.name: operation.field.get_default()
        for operation in operations
        if isinstance(operation, AddField)
        and operation.model_name_lower == model_name
        and not operation.preserve_default
        and operation.field.default is not NOT_PROVIDED
    }
