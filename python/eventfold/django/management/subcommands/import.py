"""`manage.py events import --from PACKAGE [app.Model ...]`"""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from eventfold.django.management.subcommands.bootstrap import chosen
from eventfold.django.tracking.import_sources import SOURCES, source_named
from eventfold.django.tracking.imports import import_records

HELP = "Turn what another package has recorded of tracked models into events, with their times and users."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "models", nargs="*", metavar="app.Model", help="Tracked models; all that the package knows, if none is named."
    )
    parser.add_argument("--from", dest="package", required=True, choices=list(SOURCES), help="What recorded it.")
    parser.add_argument(
        "--source", metavar="ALIAS", help="Alias of the database that has its tables. Defaults to --database."
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias, write = options["database"], command.stdout.write
    using = options["source"] or alias
    if using not in connections:
        raise CommandError(f"There is no database {using!r}; there are {', '.join(connections)}.")
    source = source_named(options["package"])
    models = chosen(options["models"], alias, companions=False)
    known = [model for model in models if source.has(model, using)]
    if options["models"] and (strange := [model for model in models if model not in known]):
        raise CommandError(
            f"{source.package} has no records of {strange[0]._meta.label} in the database {using!r}; name the models "
            "that it has, or none for all of them."
        )
    if not known:
        write(f"{source.package} has no records of a tracked model in the database {using!r}.")
    for model in known:
        started = time.perf_counter()
        try:
            done = import_records(model, alias, source.records(model, using))
        except KeyboardInterrupt:
            raise CommandError(
                f"{model._meta.label}: interrupted; nothing of it was imported.", returncode=130
            ) from None
        if options["verbosity"] > 0:
            later = f"; {done.later:,} records are from after tracking began, and left out" if done.later else ""
            unreadable = f"; {done.unreadable:,} values could not be read back" if done.unreadable else ""
            seconds = time.perf_counter() - started
            gone = f"; {done.gone:,} rows are gone, which it did not record" if done.gone else ""
            write(f"{model._meta.label}: {done.events:,} events imported{later}{gone}{unreadable} ({seconds:.2f} s)")
