"""`manage.py events status`"""

import json
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from eventfold import _core
from eventfold.django.connection import database_of
from eventfold.django.constants import is_event_model
from eventfold.django.following.standing import reactor_standings, standings
from eventfold.django.gate import native
from eventfold.django.receivers import receiver_names
from eventfold.django.registry import projected_models
from eventfold.django.segments import sealed_line
from eventfold.django.tracking.checks import untracked
from eventfold.django.tracking.install import tables_with_triggers

HELP = "Show the log, how SQLite is reached, what slows appends, and where each read model and reactor stands."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true", help="The same as JSON, for monitoring.")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias = options["database"]
    connection = connections[alias]
    write = command.stdout.write
    if options["json"]:
        write(json.dumps(_as_json(connection), indent=2))
        return
    info: dict[str, Any] = native(connection, "eventfold: info", _core.Log.info)
    write(f"Log of {alias!r}: {info['log_id']}, epoch {info['epoch']}, head {info['head']:,}")
    write(sealed_line(connection, info["head"]))
    database = database_of(connection)
    write(f"SQLite {database.version}, {database.library}, reached by {database.way}")
    if database.reason:
        write(f"  no better way: {database.reason}")
    slowed = [model for model in apps.get_models() if is_event_model(model) and slows(model)]
    write("Event types whose appends call Python:" if slowed else "No receiver or @on method slows an append.")
    for model in slowed:
        write(f"  {model._meta.label}: {', '.join(slows(model))}")
    _write_tracking(connection, write)
    found = list(standings(connection))
    write("Read models:" if found else "There is no read model.")
    for model, standing in found:
        rows = 0 if standing.missing or standing.lifecycle == "live" else model._base_manager.using(alias).count()
        for line in standing.lines(rows, alias):
            write(line)
    reactors = list(reactor_standings(connection))
    if reactors:
        write("Reactors:")
    for standing in reactors:
        for line in standing.lines(0, alias):
            write(line)


def _as_json(connection: Any) -> dict[str, Any]:
    info: dict[str, Any] = native(connection, "eventfold: info", _core.Log.info)
    return {
        "log": {"log_id": info["log_id"], "epoch": info["epoch"], "head": info["head"]},
        "segments": native(connection, "eventfold: segments", _core.Log.segments),
        "read_models": [standing.as_json() for _, standing in standings(connection)],
        "reactors": [standing.as_json() for standing in reactor_standings(connection)],
    }


def _write_tracking(connection: Any, write: Any) -> None:
    tables = tables_with_triggers(connection)
    missing = dict(untracked(connection))
    if tables or missing:
        write("Tracked tables:")
    for table, triggers in sorted(tables.items()):
        write(f"  {table}: {triggers} triggers")
    for model, why in missing.items():
        write(f"  {model._meta.label}: {why}: run `manage.py migrate --database {connection.alias}`")
    pending = native(connection, "eventfold: unfolded", _core.Log.unfolded)
    if pending and projected_models():
        after, until = pending
        write(f"Read models have not seen positions {after + 1:,} to {until:,} yet; the next append folds them.")


def slows(model: Any) -> list[str]:
    """Name what keeps an event class from the fastest path."""
    label = model._meta.label
    handlers = [
        each._meta.label
        for each in projected_models()
        if each.projection.lifecycle == "inline" and label in each.projection.handled_labels()
    ]
    return receiver_names(model) + [f"an @on method of {name}" for name in handlers]
