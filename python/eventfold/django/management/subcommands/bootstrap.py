"""`manage.py events bootstrap [app.Model ...]`"""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from eventfold.django.declared import table_model
from eventfold.django.management.progress import ProgressLine
from eventfold.django.tracking import registry
from eventfold.django.tracking.bootstrap import Bootstrapped, bootstrap, bootstrapped_models
from eventfold.errors import EventfoldError

HELP = "Give the rows of tracked tables that were there before tracking their first event."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "models",
        nargs="*",
        metavar="app.Model",
        help="Tracked models, with what comes with them; all, if none is named.",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias, verbosity = options["database"], options["verbosity"]
    models = chosen(options["models"], alias)
    if not models and verbosity > 0:
        command.stdout.write("No model is tracked.")
    # parents of multi-table inheritance first, so that a child's first event finds its parent known
    for model in sorted(models, key=lambda model: len(model._meta.all_parents)):
        label = model._meta.label
        line = ProgressLine(command.stdout, label, quiet=verbosity == 0, unit="rows")
        again = f"What is done stays; to go on, run `manage.py events bootstrap --database {alias}` again."
        started = time.perf_counter()
        try:
            done = bootstrap(model, alias, line.update)
        except KeyboardInterrupt:
            raise CommandError(f"{label}: interrupted. {again}", returncode=130) from None
        except EventfoldError as error:
            raise CommandError(f"{error}\n{again}") from error
        finally:
            line.end()
        if verbosity > 0:
            command.stdout.write(_report(label, done, time.perf_counter() - started))


def _report(label: str, done: Bootstrapped, seconds: float) -> str:
    had = f"; {done.rows - done.events:,} had one" if done.rows > done.events else ""
    rate = f"{done.rows / seconds:,.0f} rows/s" if seconds > 0 else "at once"
    return f"{label}: {done.events:,} rows have their first event now{had} ({seconds:.2f} s, {rate})"


def chosen(labels: list[str], alias: str, *, companions: bool = True) -> list[Any]:
    """Return the tracked models of a database that labels name; all, if there are none. Raises CommandError."""
    known = {model._meta.label_lower: model for model in bootstrapped_models(alias)}
    if not labels:
        return list(known.values())
    found: dict[Any, None] = {}
    for label in labels:
        model = _model(label, known)
        if model is None:
            names = ", ".join(each._meta.label for each in known.values()) or "none"
            raise CommandError(
                f"{label} is no model that is tracked in the database {alias!r}: track() it, or name it in "
                f"EVENTFOLD['TRACK']. There are: {names}."
            )
        tracking = registry.tracking_of(model) or registry.Tracking()
        for each, _ in registry.with_companions(model, tracking) if companions else [(model, tracking)]:
            if each._meta.label_lower in known:
                found[each] = None
    return list(found)


def _model(label: str, known: dict[str, Any]) -> Any | None:
    """The tracked model of a label; a proxy's is that of its table."""
    try:
        label = table_model(label)._meta.concrete_model._meta.label
    except (LookupError, ValueError):
        return None
    return known.get(label.lower())
