"""`manage.py events stats`"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from eventfold import _core
from eventfold.django.gate import native

HELP = "Count the events of each type, the streams, and the bytes of the database."


def add_arguments(parser: CommandParser) -> None:
    pass


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    stats: dict[str, Any] = native(connections[options["database"]], "eventfold: stats", _core.Log.stats)
    by_type = sorted(stats["events_by_type"].items(), key=lambda item: (-item[1], item[0]))
    rows = [("events", stats["events"]), ("streams", stats["streams"]), ("bytes", stats["bytes"]), *by_type]
    width = max(len(f"{count:,}") for _, count in rows)
    for name, count in rows:
        command.stdout.write(f"{count:>{width},}  {name}")
