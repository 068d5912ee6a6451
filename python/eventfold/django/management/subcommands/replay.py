"""`manage.py events replay [app.Model ...]`"""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from eventfold.django.management.chosen import chosen_read_models
from eventfold.django.management.progress import ProgressLine
from eventfold.django.replay import Failure, Replayed, in_one_reading, is_projected, replay_together

HELP = "Rebuild read models from the log, beside the live ones, then bring those to it."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("models", nargs="*", metavar="app.Model", help="Read models to rebuild; all, if none is named.")
    parser.add_argument("--threads", type=int, default=2, help="Threads that fold the log at once. Defaults to 2.")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    if options["threads"] < 1:
        raise CommandError("--threads must be at least 1.")
    models = chosen_read_models(options["models"], options["database"])
    if not models and options["verbosity"] > 0:
        command.stdout.write("No read model has a Projection or a @projector.")
    failures: list[Failure] = []
    for group in in_one_reading(models):
        failures += _replay(group, command, options)
    if failures:
        raise CommandError("\n".join(str(failure.error) for failure in failures)) from failures[0].error


def _replay(group: list[Any], command: BaseCommand, options: dict[str, Any]) -> list[Failure]:
    """Rebuild what is rebuilt in one reading of the log; return what failed."""
    quiet = options["verbosity"] == 0
    failures: list[Failure] = []
    waiting = {model._meta.label for model in group}
    together = len(group) > 1 and is_projected(group[0])  # else one line says it all
    name = f"{len(group)} read models" if together else group[0]._meta.label
    line = ProgressLine(command.stdout, name, quiet=quiet)
    started = time.perf_counter()
    head = 0
    try:
        for done in replay_together(group, options["database"], options["threads"], line.update):
            waiting.discard(done.model._meta.label)
            if isinstance(done, Failure):
                failures.append(done)
                continue
            head = done.head
            if not quiet:
                line.end()
                speed = "" if together else _speed(head, started)
                command.stdout.write(f"{done.model._meta.label}: {speed}{_rows(done)}")
    except KeyboardInterrupt:
        rows = "its rows are" if len(waiting) == 1 else "their rows are"
        labels = ", ".join(sorted(waiting))
        raise CommandError(f"{labels}: interrupted; {rows} as they were.", returncode=130) from None
    finally:
        line.end()
    if together and head and not quiet:
        command.stdout.write(f"{name} in one reading: {_speed(head, started).rstrip('; ')}")
    return failures


def _speed(head: int, started: float) -> str:
    seconds = time.perf_counter() - started
    rate = f"{head / seconds:,.0f} events/s" if seconds > 0 else "at once"
    return f"{head:,} events in {seconds:.2f} s ({rate}); "


def _rows(done: Replayed) -> str:
    return f"{done.rows:,} rows, of which {done.inserted:,} are new, {done.updated:,} changed; {done.deleted:,} removed"
