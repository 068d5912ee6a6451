"""`manage.py events verify [app.Model ...]`"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections, router

from eventfold.django.event_views import table_names
from eventfold.django.tracking import registry
from eventfold.django.tracking.checks import untracked
from eventfold.django.tracking.verify import DIFFERS, MISSING, ONLY_IN_TABLE, Comparison, Difference
from eventfold.django.transactions import DeferredAtomic, ImmediateAtomic

HELP = "Compare tracked tables with the log: find the changes that no trigger saw, and record them."
_LONGEST = 60


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "models", nargs="*", metavar="app.Model", help="Tracked models to compare; all, if none is named."
    )
    parser.add_argument("--repair", action="store_true", help="Record what the tables have as events.")
    parser.add_argument("--limit", type=int, default=10, help="Differences to show of each table. Defaults to 10.")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias, quiet = options["database"], options["verbosity"] == 0
    if options["limit"] < 0:
        raise CommandError("--limit must not be negative.")
    models = _chosen(options["models"], alias)
    if not models and not quiet:
        command.stdout.write("No model is tracked.")
    connection = connections[alias]
    for model, why in untracked(connection):
        if model in models:
            command.stderr.write(
                f"{model._meta.label} {why}: its changes go unrecorded. Run `manage.py migrate --database {alias}`."
            )
    found: list[tuple[Comparison, list[Any]]] = []
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
    if not total:
        return
    if not options["repair"]:
        where = [] if alias == DEFAULT_DB_ALIAS else ["--database", alias]
        again = " ".join(["manage.py events verify", *options["models"], "--repair", *where])
        raise CommandError(
            f"Tables and log differ in {total:,} row{'s' * (total > 1)}. `{again}` records what the tables have; "
            "many rows that the log does not know are the work of `manage.py events bootstrap`."
        )
    recorded = _repair(found, alias)
    if not quiet:
        command.stdout.write(f"Recorded what the tables have: {recorded:,} event{'s' * (recorded != 1)}.")


def _repair(found: list[tuple[Comparison, list[Any]]], alias: str) -> int:
    """Record what differs still, now that nobody else can write; all or nothing."""
    recorded = 0
    with ImmediateAtomic(alias):
        for comparison, keys in found:
            for difference in comparison.differences_of(keys):
                comparison.record(difference)
                recorded += 1
    return recorded


def _chosen(labels: list[str], alias: str) -> list[Any]:
    """The tracked models of a database; of the named ones, with what is tracked with them: parents, many-to-many."""
    tables = table_names(connections[alias])
    tracked = {
        model._meta.label_lower: model
        for model in registry.tracked_models()
        if router.allow_migrate_model(alias, model) and model._meta.db_table in tables
    }
    if not labels:
        return list(tracked.values())
    found: dict[str, Any] = {}
    for label in labels:
        model = tracked.get(label.lower())
        if model is None:
            known = ", ".join(model._meta.label for model in tracked.values()) or "none"
            raise CommandError(f"{label} is no tracked model of the database {alias!r}. There are: {known}.")
        tracking = registry.tracking_of(model)
        assert tracking is not None
        for companion, _ in registry.with_companions(model, tracking):
            found.setdefault(companion._meta.label_lower, companion)
    return [model for label, model in found.items() if label in tracked]


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
    if value is MISSING:
        return "missing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
