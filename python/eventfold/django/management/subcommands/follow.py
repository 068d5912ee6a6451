"""`manage.py events follow [app.Model ...]`"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from eventfold.django.event_views import table_names
from eventfold.django.following.follower import RETRIES
from eventfold.django.following.worker import Worker
from eventfold.django.read_model_state import is_async
from eventfold.django.registry import followed_labels, models_of
from eventfold.django.tracking.inline import is_followed

HELP = "Keep the read models whose lifecycle is async, until it is told to stop."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "models", nargs="*", metavar="app.Model", help="Read models to keep; all that are async, if none is named."
    )
    parser.add_argument("--once", action="store_true", help="Catch up, then exit.")
    parser.add_argument(
        "--retries",
        type=int,
        default=RETRIES,
        help=f"How many times an event that fails is tried before its read model stops there. Defaults to {RETRIES}.",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias, quiet, once = options["database"], options["verbosity"] == 0, options["once"]
    if options["retries"] < 1:
        raise CommandError("--retries must be at least 1.")
    if "eventfold_follower" not in table_names(connections[alias]):
        raise CommandError(
            f"The log of the database {alias!r} is of an earlier release: run `manage.py migrate --database {alias}` "
            "first."
        )
    models = _chosen(options["models"], alias)

    def say(text: str, is_error: bool) -> None:
        if is_error:
            command.stderr.write(text)
        elif not quiet:
            command.stdout.write(text)
            command.stdout.flush()

    worker = Worker(alias, models, say, options["retries"])
    if not once:
        say(f"Following {', '.join(model._meta.label for model in models) or 'tracked tables'}", False)
    with _stopped_by_signals(worker):
        well = worker.run(once=once)
    for label, folded in worker.folded.items():
        say(f"{label}: brought forward by {folded:,} position{'s' * (folded != 1)}", False)
    if once and not well:
        raise CommandError("Not everything could be followed, as said above.")


@contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    """Let SIGTERM and SIGINT end it after the batch; in a thread nobody sends any."""

    def stop(number: Any, frame: Any) -> None:
        worker.stopping = True

    before: dict[int, Any] = {}
    with suppress(ValueError):
        for wanted in (signal.SIGTERM, signal.SIGINT):
            before[wanted] = signal.signal(wanted, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _chosen(labels: list[str], alias: str) -> list[Any]:
    """The read models of the command line, or all: those that are async, or are still kept by a follower."""
    models = {model._meta.label_lower: model for model in models_of(alias)}
    kept = followed_labels(alias)
    wanted = {key: model for key, model in models.items() if is_async(model) or model._meta.label in kept}
    known = ", ".join(model._meta.label for model in wanted.values()) or "none"
    for label in labels:
        if label.lower() not in models:
            raise CommandError(f"{label} is no read model of the database {alias!r}. Those to follow are: {known}.")
        if label.lower() not in wanted:
            raise CommandError(
                f'{label} is kept by each append. To have it followed, put lifecycle = "async" into its Projection.'
            )
    if not wanted and not is_followed():
        raise CommandError(
            f"There is nothing to follow in the database {alias!r}: no read model's Projection has "
            'lifecycle = "async", and nothing follows from tracked tables.'
        )
    return [wanted[label.lower()] for label in labels] if labels else list(wanted.values())
