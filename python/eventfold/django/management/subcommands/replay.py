"""`manage.py events replay [app.Model ...]`"""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from eventfold.django.management.chosen import chosen_read_models
from eventfold.django.management.progress import ProgressLine
from eventfold.django.replay import Replayed, replay

HELP = "Rebuild read models from the log, beside the live ones, then bring those to it."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("models", nargs="*", metavar="app.Model", help="Read models to rebuild; all, if none is named.")
    parser.add_argument("--threads", type=int, default=2, help="Threads that read the log at once. Defaults to 2.")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias, verbosity = options["database"], options["verbosity"]
    if options["threads"] < 1:
        raise CommandError("--threads must be at least 1.")
    models = chosen_read_models(options["models"], alias)
    if not models and verbosity > 0:
        command.stdout.write("No read model has a Projection or a @projector.")
    rebuilt: set[Any] = set()
    for model in models:
        if model in rebuilt:
            continue  # together with another one
        line = ProgressLine(command.stdout, model._meta.label, quiet=verbosity == 0)
        started = time.perf_counter()
        try:
            replayed = replay(model, alias, options["threads"], line.update)
        except KeyboardInterrupt:
            raise CommandError(
                f"{model._meta.label}: interrupted; its rows are as they were.", returncode=130
            ) from None
        finally:
            line.end()
        seconds = time.perf_counter() - started
        rebuilt.update(done.model for done in replayed)
        if verbosity > 0:
            for done in replayed:
                command.stdout.write(_report(done, seconds))


def _report(done: Replayed, seconds: float) -> str:
    rate = f"{done.head / seconds:,.0f} events/s" if seconds > 0 else "at once"
    return (
        f"{done.model._meta.label}: {done.head:,} events in {seconds:.2f} s ({rate}); {done.rows:,} rows, of which "
        f"{done.inserted:,} are new, {done.updated:,} changed; {done.deleted:,} removed"
    )
