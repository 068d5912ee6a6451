"""Triggers follow migrations, within each operation on a tracked table.

As for the views of event types, operations are joined to the plan just before it runs: one before each operation on a
tracked model, which takes the triggers away (SQLite drops no column that a trigger mentions), and one after it, which
makes them fit the model of that point, so that a RunPython in the middle is recorded too. An operation on another table
may make a tracked one anew, and SQLite drops triggers with their table: so after every operation those that are gone
come back. post_migrate repairs what no plan had.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.migrations import Migration
from django.db.migrations.operations import RenameField, RenameModel
from django.db.migrations.operations.base import Operation
from django.db.models.signals import post_migrate, pre_migrate

from eventfold.django import event_views
from eventfold.django.constants import APP_LABEL
from eventfold.django.migrate_hooks import flatten, model_names, one_off_defaults
from eventfold.django.tracking import registry
from eventfold.django.tracking.event_types import labels_of
from eventfold.django.tracking.install import drop_triggers, sync_tracking, tables_with_triggers
from eventfold.django.tracking.registry import Tracking
from eventfold.django.tracking.schema_hook import take_remade

Plan = Sequence[tuple[Migration, bool]]
Names = dict[tuple[str, str], Tracking]
"""How each model is tracked, by app label and lower-case name, at some point of a plan."""


def connect(app_config: AppConfig) -> None:
    """Listen to migrate."""
    pre_migrate.connect(join_plan, sender=app_config, dispatch_uid="eventfold.join_tracking")
    post_migrate.connect(repair, sender=app_config, dispatch_uid="eventfold.repair_tracking")


class _KeepTracking(Operation):
    reduces_to_sql = False
    reversible = True

    def __init__(self, operation: Operation, names: Names) -> None:
        self.operation = operation
        self.names = names

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._keep(app_label, schema_editor.connection, from_state, to_state, backward=False)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._keep(app_label, schema_editor.connection, from_state, to_state, backward=True)

    def _keep(self, app_label: str, connection: Any, from_state: Any, to_state: Any, *, backward: bool) -> None:
        raise NotImplementedError

    def _models(self, app_label: str, state: Any) -> list[tuple[Any, Tracking]]:
        """The tracked models that the operation is about, as they are in a state."""
        found = []
        for part in flatten(self.operation):
            for name in model_names(part):
                tracking = self.names.get((app_label, name))
                if tracking is None or (app_label, name) not in state.models:
                    continue
                model = state.apps.get_model(app_label, name)
                if model._meta.managed and not model._meta.proxy:
                    found += list(registry.with_companions(model, tracking))
        return found


class LiftTriggers(_KeepTracking):
    """Takes the triggers away before an operation on their table."""

    def describe(self) -> str:
        return "Lift the triggers of tracked tables"

    def _keep(self, app_label: str, connection: Any, from_state: Any, to_state: Any, *, backward: bool) -> None:
        # the operation has not run yet: to_state is what it starts from
        if event_views.has_log(connection):
            for model, _ in self._models(app_label, to_state):
                drop_triggers(connection, model._meta.db_table)


class KeepTriggers(_KeepTracking):
    """Makes triggers and views of tracked tables fit after an operation."""

    def describe(self) -> str:
        return "Bring the triggers of tracked tables up to date"

    def _keep(self, app_label: str, connection: Any, from_state: Any, to_state: Any, *, backward: bool) -> None:
        if not event_views.has_log(connection):
            return
        for part in flatten(self.operation):
            _rename(connection, app_label, part, backward)
        for model, tracking in self._models(app_label, to_state):
            added = one_off_defaults(model._meta.model_name, list(flatten(self.operation)))
            sync_tracking(connection, model, tracking, added)
        self._bring_back_lost(connection, to_state)

    def _bring_back_lost(self, connection: Any, state: Any) -> None:
        """Another table's operation may have made a tracked one anew, without its triggers."""
        found = {table.lower() for table in tables_with_triggers(connection)} - take_remade(connection)
        for (app_label, name), tracking in self.names.items():
            model_state = state.models.get((app_label, name))
            if model_state is None:
                continue
            table = model_state.options.get("db_table") or f"{app_label}_{name}"
            if table.lower() not in found:
                for model, own in registry.with_companions(state.apps.get_model(app_label, name), tracking):
                    sync_tracking(connection, model, own)


def join_plan(plan: Plan | None = None, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Put the two operations round each one of the plan that may concern a tracked table."""
    registry.forget()
    names: Names = {}
    for model in registry.tracked_models():
        tracking = registry.tracking_of(model)
        if tracking is not None and not model._meta.auto_created:
            names[model._meta.app_label, model._meta.model_name] = tracking
    if not plan or not names or connections[using].vendor != "sqlite":
        return
    _add_former_names(plan, names)
    for migration, backward in plan:
        operations: list[Operation] = []
        for operation in migration.operations:
            if isinstance(operation, _KeepTracking):
                continue  # of a plan that was joined before
            concerned = any(
                (migration.app_label, name) in names for part in flatten(operation) for name in model_names(part)
            )
            lift, keep = LiftTriggers(operation, names), KeepTriggers(operation, names)
            if not concerned:
                operations += [keep, operation] if backward else [operation, keep]
            elif backward:  # operations are undone in reverse
                operations += [keep, operation, lift]
            else:
                operations += [lift, operation, keep]
        migration.operations = operations  # type: ignore[misc]


def repair(plan: Plan | None = None, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Make the triggers fit the models, where no migration did, and remove those of tables that are not tracked now."""
    connection = connections[using]
    if any(migration.app_label == APP_LABEL and backward for migration, backward in plan or ()):
        return  # the log was just removed
    if not event_views.has_log(connection):
        return
    registry.forget()
    tables = set()
    for model in registry.tracked_models():
        tracking = registry.tracking_of(model)
        if tracking is not None and router.allow_migrate_model(using, model):
            tables.add(model._meta.db_table.lower())
            sync_tracking(connection, model, tracking)
    for table in tables_with_triggers(connection):
        if table.lower() not in tables and _is_ours(table):
            drop_triggers(connection, table)


def _is_ours(table: str) -> bool:
    """Whether a table is of a model that is installed: one that is not may be tracked by another project."""
    models = global_apps.get_models(include_auto_created=True, include_swapped=True)
    return any(model._meta.db_table.lower() == table.lower() for model in models)


def _add_former_names(plan: Plan, names: Names) -> None:
    """A model that the plan renames is tracked under its other name too."""
    renames = [
        (migration.app_label, part)
        for migration, _ in plan
        for operation in migration.operations
        for part in flatten(operation)
        if isinstance(part, RenameModel)
    ]
    for _ in renames:
        for app_label, part in renames:
            old, new = (app_label, part.old_name_lower), (app_label, part.new_name_lower)
            if new in names:
                names.setdefault(old, names[new])
            elif old in names:
                names.setdefault(new, names[old])


def _rename(connection: Any, app_label: str, operation: Operation, backward: bool) -> None:
    if isinstance(operation, RenameModel):
        old, new = _in_order(operation.old_name, operation.new_name, backward)
        before, after = labels_of(f"{app_label}.{old}"), labels_of(f"{app_label}.{new}")
        for action, label in before.items():
            event_views.rename_type(connection, label, after[action])
    elif isinstance(operation, RenameField):
        old, new = _in_order(operation.old_name, operation.new_name, backward)
        for label in labels_of(f"{app_label}.{operation.model_name}").values():
            for prefix in ("old", "new"):
                event_views.rename_field(connection, label, f"{prefix}_{old}", f"{prefix}_{new}")


def _in_order(old: str, new: str, backward: bool) -> tuple[str, str]:
    return (new, old) if backward else (old, new)
