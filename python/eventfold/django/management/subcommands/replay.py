"""`manage.py events replay [app.Model ...]`"""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from eventfold.django.management.chosen import chosen_read_models
from eventfold.django.management.progress import ProgressLine
from eventfold.django.management.replay_part import part_of, replay_part
from eventfold.django.management.replay_preview import preview_all
from eventfold.django.management.replay_shown import interrupted, rows_of
from eventfold.django.replay import Failure, in_one_reading, is_projected, replay_together
from eventfold.django.saved_replays import SECONDS, Saving

HELP = "Rebuild read models from the log, beside the live ones, then bring those to it."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("models", nargs="*", metavar="app.Model", help="Read models to rebuild; all, if none is named.")
    parser.add_argument("--dry-run", action="store_true", help="Say what would be written, and write nothing.")
    parser.add_argument(
        "--limit", type=int, default=10, help="Rows to show of each read model with --dry-run. Defaults to 10."
    )
    parser.add_argument(
        "--keys",
        nargs="+",
        metavar="KEY",
        help="Rebuild only the rows of these keys, of one read model; several parts of a key with a comma between.",
    )
    parser.add_argument(
        "--from",
        type=int,
        dest="from_position",
        metavar="POSITION",
        help="Rebuild only the rows that events from this position on are about.",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="app.Event", help="Rebuild only the rows that events of these types are about."
    )
    parser.add_argument("--threads", type=int, default=2, help="Threads that fold the log at once. Defaults to 2.")
    parser.add_argument(
        "--batch",
        type=int,
        help="Events that are read at a time. Fewer keep the WAL shorter, more are a little faster.",
    )
    parser.add_argument(
        "--save-every",
        type=float,
        default=SECONDS,
        metavar="SECONDS",
        help="How often a long replay saves what it has folded, to go on from there if it is killed. Defaults to "
        f"{SECONDS:g}.",
    )
    parser.add_argument(
        "--restart", action="store_true", help="Begin with the first event, whatever an earlier replay has saved."
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    for name in ("threads", "batch"):
        if options[name] is not None and options[name] < 1:
            raise CommandError(f"--{name} must be at least 1.")
    for name in ("limit", "save_every"):
        if not options[name] >= 0:
            raise CommandError(f"--{name.replace('_', '-')} must not be negative.")
    models = chosen_read_models(options["models"], options["database"])
    if not models and options["verbosity"] > 0:
        command.stdout.write("No read model has a Projection or a @projector.")
    part = part_of(models, options)
    failures: list[Failure] = []
    if part is not None:
        failures = replay_part(part, command, options, whole)
    elif options["dry_run"]:
        failures = preview_all(models, command, options)
    else:
        failures = whole(models, command, options)
    if failures:
        raise CommandError("\n".join(str(failure.error) for failure in failures)) from failures[0].error


def whole(models: list[Any], command: BaseCommand, options: dict[str, Any]) -> list[Failure]:
    """Rebuild read models; return what failed."""
    failures: list[Failure] = []
    for group in in_one_reading(models):
        failures += _together(group, command, options)
    return failures


def _together(group: list[Any], command: BaseCommand, options: dict[str, Any]) -> list[Failure]:
    """Rebuild what is rebuilt in one reading of the log; return what failed."""
    quiet = options["verbosity"] == 0
    failures: list[Failure] = []
    waiting = {model._meta.label for model in group}
    together = len(group) > 1 and is_projected(group[0])  # else one line says it all
    name = f"{len(group)} read models" if together else group[0]._meta.label
    if options["verbosity"] > 1:
        command.stdout.write(_why(group))
    line = ProgressLine(command.stdout, name, quiet=quiet)
    started = time.perf_counter()
    resumed: list[int] = []
    head = 0

    def resumes(model: Any, position: int) -> None:
        resumed.append(position)
        if len(resumed) == len(group):
            line.begin_at(min(resumed))
        if not quiet:
            command.stdout.write(f"{model._meta.label}: resumes at position {position:,}")

    saving = Saving(options["save_every"], anew=options["restart"], resumes=resumes)
    try:
        for done in replay_together(
            group, options["database"], options["threads"], line.update, options["batch"], saving
        ):
            waiting.discard(done.model._meta.label)
            if isinstance(done, Failure):
                failures.append(done)
                continue
            head = done.head
            if not quiet:
                line.end()
                speed = "" if together else _speed(head - done.resumed_at, started)
                held = f"; writers waited for {done.seconds * 1000:.1f} ms" if options["verbosity"] > 1 else ""
                command.stdout.write(f"{done.model._meta.label}: {speed}{rows_of(done)}{held}")
    except KeyboardInterrupt:
        raise interrupted(waiting) from None
    finally:
        line.end()
    if together and head and not quiet:
        first = min(resumed) if len(resumed) == len(group) else 0
        command.stdout.write(f"{name} in one reading: {_speed(head - first, started).rstrip('; ')}")
    return failures


def _why(group: list[Any]) -> str:
    labels = ", ".join(model._meta.label for model in group)
    if not is_projected(group[0]):
        return f"{labels}: kept by projectors, which are called again for each event"
    if group[0].projection.handlers:
        return f"{labels}: has @on methods, which are called again for each event"
    return f"{labels}: folded natively" + (", in one reading of the log" if len(group) > 1 else "")


def _speed(head: int, started: float) -> str:
    seconds = time.perf_counter() - started
    rate = f"{head / seconds:,.0f} events/s" if seconds > 0 else "at once"
    return f"{head:,} events in {seconds:.2f} s ({rate}); "
