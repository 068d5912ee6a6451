"""`manage.py events show`"""

import json
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from eventfold import _core
from eventfold.django.gate import native
from eventfold.django.management import timeline

HELP = "Show events, one a line: position, time, type, stream and data; or what happened to a row of a tracked model."
_BATCH = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "row", nargs="?", metavar="app.Model:key", help="The row of a tracked model; without :key all its rows."
    )
    parser.add_argument("--type", action="append", default=[], metavar="app.Event", help="Only this type; repeatable.")
    parser.add_argument("--stream", help="Only this stream.")
    parser.add_argument("--after", type=int, default=0, metavar="POSITION", help="Only after this position.")
    parser.add_argument("--until", type=int, metavar="POSITION", help="Only up to this position.")
    parser.add_argument("--limit", type=int, help="At most so many.")
    parser.add_argument("--tail", type=int, nargs="?", const=10, metavar="N", help="The newest N, 10 by default.")
    parser.add_argument("--json", action="store_true", help="Each event as a JSON object.")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    if options["tail"] is not None and options["limit"] is not None:
        raise CommandError("--tail says how many events to show, and so does --limit: give one of them.")
    wanted = options["limit"] if options["tail"] is None else options["tail"]
    backward = options["tail"] is not None
    if wanted is not None and wanted < 0:
        raise CommandError(f"--{'tail' if backward else 'limit'} must not be negative.")
    if options["row"] is not None:
        timeline.show(command.stdout.write, options)
        return
    query = {
        "types": options["type"],
        "stream": options["stream"],
        "after": options["after"],
        "until": options["until"],
        "backward": backward,
    }
    connection = connections[options["database"]]
    shown: list[str] = []
    left = wanted
    while left is None or left > 0:
        size = _BATCH if left is None else min(left, _BATCH)
        batch = native(connection, "eventfold: read", partial(_core.Log.read, limit=size, **query))
        lines = [_as_json(row) if options["json"] else _as_line(row) for row in batch]
        if backward:
            shown += lines
        else:
            for line in lines:
                command.stdout.write(line)
        if len(batch) < size:
            break
        query["until" if backward else "after"] = batch[-1][0] - 1 if backward else batch[-1][0]
        left = None if left is None else left - len(batch)
    for line in reversed(shown):
        command.stdout.write(line)


def _time(created: int) -> str:
    return (_EPOCH + timedelta(microseconds=created)).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def _as_line(row: Any) -> str:
    position, _, label, data, stream, version, created, metadata = row
    place = f" {stream}@{version}" if stream is not None else ""
    return f"{position:>8} {_time(created)} {label}{place} {data}" + (f" {metadata}" if metadata else "")


def _as_json(row: Any) -> str:
    position, event_id, label, data, stream, version, created, metadata = row
    return json.dumps(
        {
            "position": position,
            "event_id": str(UUID(bytes=event_id)),
            "type": label,
            "data": json.loads(data),
            "stream": stream,
            "version": version,
            "created": _time(created),
            "metadata": json.loads(metadata) if metadata else None,
        },
        ensure_ascii=False,
    )
