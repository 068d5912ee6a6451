"""`manage.py events seal [--drop]`"""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from eventfold import _core
from eventfold.django.gate import native
from eventfold.django.management.progress import ProgressLine
from eventfold.django.segments import seal_next, sealed_line

HELP = "Keep a copy of the log's events as columns, out of which replays read many times as fast."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--drop", action="store_true", help="Throw the columns away; the log is as it was.")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    connection = connections[options["database"]]
    quiet = options["verbosity"] == 0
    if options["drop"]:
        native(connection, "eventfold: unseal", _core.Log.unseal)
        if not quiet:
            command.stdout.write("The columns are gone. Their space serves what is written next; VACUUM gives it back.")
        return
    info: dict[str, Any] = native(connection, "eventfold: info", _core.Log.info)
    line = ProgressLine(command.stdout, "seal", quiet=quiet, unit="positions")
    started, sealed, segments = time.perf_counter(), 0, 0
    try:
        while (until := seal_next(connection, sealed)) is not None:
            sealed, segments = until, segments + 1
            line.update(sealed, info["head"])
    except KeyboardInterrupt:
        raise CommandError("interrupted: what is sealed stays", returncode=130) from None
    finally:
        line.end()
    if not quiet:
        command.stdout.write(f"{segments:,} segments were made ({time.perf_counter() - started:.2f} s)")
        command.stdout.write(sealed_line(connection, info["head"]))
