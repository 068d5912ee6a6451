"""What `manage.py events verify` does with tracked tables."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS, connections, router

from eventfold.django.event_views import table_names
from eventfold.django.management.shown import shown
from eventfold.django.tracking import registry
from eventfold.django.tracking.checks import untracked
from eventfold.django.tracking.verify import DIFFERS, MISSING, ONLY_IN_TABLE, Comparison, Difference
from eventfold.django.transactions import DeferredAtomic, ImmediateAtomic


def verify_tables(command: BaseCommand, models: list[Any], options: dict[str, Any]) -> str:
    """Compare tracked tables with the log, and say what differs; return what is left to be done, or nothing."""
    alias, quiet = options["database"], options["verbosity"] == 0
    connection = connections[alias]
    for model, why in untracked(connection):
        if model in models:
            command.stderr.write(
                f"{model._meta.label} {why}: its changes go unrecorded. Run `manage.py migrate --database {alias}`."
            )
    found: list[tuple[Comparison, list[Any]]] = []
    differing: list[str] = []
    total = 0
    for model in models:
        keys: list[Any] = []
        comparison = Comparison(connection, model)
        count = 0
        with DeferredAtomic(alias):
            for difference in comparison.differences():
                count += 1
                if options["repair"]:
                    keys.append(difference.key)
                if count <= options["limit"] and not quiet:
                    command.stdout.write(f"{model._meta.label} {_described(difference)}")
        if not quiet:
            command.stdout.write(_summary(comparison, count, options["limit"]))
        found.append((comparison, keys))
        total += count
        if count:
            differing.append(model._meta.label)
    if not total:
        return ""
    if not options["repair"]:
        where = [] if alias == DEFAULT_DB_ALIAS else ["--database", alias]
        again = " ".join(["manage.py events verify", *differing, "--repair", *where])
        return (
            f"Tables and log differ in {total:,} row{'s' * (total > 1)}. `{again}` records what the tables have; "
            "many rows that the log does not know are the work of `manage.py events bootstrap`."
        )
    recorded = _repair(found, alias)
    if not quiet:
        command.stdout.write(f"Recorded what the tables have: {recorded:,} event{'s' * (recorded != 1)}.")
    return ""


def _repair(found: list[tuple[Comparison, list[Any]]], alias: str) -> int:
    """Record what differs still, now that nobody else can write; all or nothing."""
    recorded = 0
    with ImmediateAtomic(alias):
        for comparison, keys in found:
            for difference in comparison.differences_of(keys):
                comparison.record(difference)
                recorded += 1
    return recorded


def tracked_tables(alias: str) -> dict[str, Any]:
    """Return the tracked models whose tables are in a database, by label in lower case."""
    tables = table_names(connections[alias])
    return {
        model._meta.label_lower: model
        for model in registry.tracked_models()
        if router.allow_migrate_model(alias, model) and model._meta.db_table in tables
    }


def with_companions(models: list[Any], alias: str) -> list[Any]:
    """Return tracked models and what is tracked with them: parents, many-to-many tables."""
    found: dict[Any, None] = {}
    for model in models:
        tracking = registry.tracking_of(model)
        assert tracking is not None
        found.update(dict.fromkeys(companion for companion, _ in registry.with_companions(model, tracking)))
    present = tracked_tables(alias).values()
    return [model for model in found if model in present]


def _summary(comparison: Comparison, count: int, limit: int) -> str:
    label = comparison.model._meta.label
    rows = f"{comparison.rows:,} row{'s' * (comparison.rows != 1)}"
    if not count:
        return f"{label}: {rows}, all as the log says"
    more = f", {count - limit:,} of them not shown" if count > limit else ""
    return f"{label}: {rows}, {count:,} difference{'s' * (count > 1)}{more}"


def _described(difference: Difference) -> str:
    if difference.kind == DIFFERS:
        fields = ", ".join(
            f"{name} is {_shown(old)} in the log, {_shown(new)} in the table"
            for name, (old, new) in difference.fields.items()
        )
        return f"{difference.key}: {fields}"
    if difference.kind != ONLY_IN_TABLE:
        return f"{difference.key}: only in the log; the table no longer has it"
    recorded = difference.recorded
    if recorded is None:
        return f"{difference.key}: only in the table; the log does not know it"
    if recorded.state is None:
        return f"{difference.key}: only in the table; the log says that it was deleted"
    return f"{difference.key}: only in the table as a whole; the log knows changes of it, from before it was recorded"


def _shown(value: Any) -> str:
    return "missing" if value is MISSING else shown(value)
