"""`manage.py events follow [app.Model ...]`"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from eventfold.django.event_views import table_names
from eventfold.django.following.beginnings import begin_from
from eventfold.django.following.worker import Worker
from eventfold.django.management.chosen import refuse_live
from eventfold.django.reactors import Reactor, reactors_of
from eventfold.django.read_model_state import is_async
from eventfold.django.registry import followed_labels, models_of
from eventfold.django.tracking.inline import is_followed

HELP = "Keep the read models whose lifecycle is async and call the reactors, until it is told to stop."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="app.Model|reactor",
        help="Read models to keep and reactors to call; all that are async, and all reactors, if none is named.",
    )
    parser.add_argument("--once", action="store_true", help="Catch up, then exit.")
    parser.add_argument(
        "--retries",
        type=int,
        help="How many times an event that fails is tried before its read model or reactor stops there, or skips it. "
        "Defaults to what these and the settings say, else to 5.",
    )
    parser.add_argument(
        "--from",
        dest="begin",
        metavar="POSITION",
        help="Let the reactors that are named begin anew: with the event at this position, or, by `head`, with the "
        "next one that is recorded.",
    )
    parser.add_argument(
        "--seal",
        action="store_true",
        help="Seal the log too, as `events seal` does, a segment at a time where there is nothing else to do.",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias, quiet, once = options["database"], options["verbosity"] == 0, options["once"]
    if options["retries"] is not None and options["retries"] < 1:
        raise CommandError("--retries must be at least 1.")
    if not {"eventfold_follower", "eventfold_dead_letter"} <= table_names(connections[alias]):
        raise CommandError(
            f"The log of the database {alias!r} is of an earlier release: run `manage.py migrate --database {alias}` "
            "first."
        )
    chosen = _chosen(options["names"], alias, seals=options["seal"])

    def say(text: str, is_error: bool) -> None:
        if is_error:
            command.stderr.write(text)
        elif not quiet:
            command.stdout.write(text)
            command.stdout.flush()

    if options["begin"] is not None:
        for each, position in _begun(chosen, options["names"], options["begin"], alias):
            say(f"{each.name}: it begins after position {position:,}", False)
    worker = Worker(alias, chosen, say, options["retries"], seals=options["seal"])
    if not once:
        others = "tracked tables" if is_followed() or not options["seal"] else "the log, to seal it"
        say(f"Following {', '.join(map(_name, chosen)) or others}", False)
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


def _name(followed: Any) -> str:
    return followed.name if isinstance(followed, Reactor) else followed._meta.label


def _begun(chosen: list[Any], names: list[str], begin: str, alias: str) -> list[tuple[Reactor, int]]:
    """Set where the reactors of the command line begin."""
    reactors = [each for each in chosen if isinstance(each, Reactor)]
    if not names or len(reactors) < len(chosen):
        raise CommandError("--from is for reactors, which must be named: a read model follows from all events.")
    if begin != "head" and not begin.isdecimal():
        raise CommandError(f"--from takes a position or `head`, not {begin!r}.")
    position = None if begin == "head" else int(begin)
    return [(each, begin_from(each, alias, position)) for each in reactors]


def _chosen(names: list[str], alias: str, *, seals: bool) -> list[Any]:
    """The read models and reactors of the command line, or all: what is async, or is still kept by a follower."""
    refuse_live(names, alias)
    models = {model._meta.label_lower: model for model in models_of(alias)}
    reactors = {each.name: each for each in reactors_of(alias)}
    kept = followed_labels(alias)
    wanted = {key: model for key, model in models.items() if is_async(model) or model._meta.label in kept}
    known = ", ".join([*(model._meta.label for model in wanted.values()), *reactors]) or "none"
    for name in names:
        if name in reactors:
            continue
        if name.lower() not in models:
            raise CommandError(
                f"{name} is no read model or reactor of the database {alias!r}. Those to follow are: {known}."
            )
        if name.lower() not in wanted:
            raise CommandError(
                f'{name} is kept by each append. To have it followed, put lifecycle = "async" into its Projection.'
            )
    if not wanted and not reactors and not is_followed() and not seals:
        raise CommandError(
            f"There is nothing to follow in the database {alias!r}: no read model's Projection has "
            'lifecycle = "async", there is no reactor, and nothing follows from tracked tables.'
        )
    if names:
        return list(dict.fromkeys(reactors[name] if name in reactors else wanted[name.lower()] for name in names))
    return [*wanted.values(), *reactors.values()]
