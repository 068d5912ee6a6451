"""`manage.py events verify [app.Model ...]`"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from eventfold.django.management.chosen import refuse_live
from eventfold.django.management.verify_read_models import verify_read_models
from eventfold.django.management.verify_tables import tracked_tables, verify_tables, with_companions
from eventfold.django.replay import replayable_models

HELP = "Compare read models and tracked tables with the log: find rows that differ, and mend read models or log."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "models", nargs="*", metavar="app.Model", help="Read models and tracked models; all, if none is named."
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="Write what follows from the log into the rows of read models; record what tracked tables have as events.",
    )
    parser.add_argument("--limit", type=int, default=10, help="Differences to show of each table. Defaults to 10.")
    parser.add_argument(
        "--threads", type=int, default=2, help="Threads that read the log at once, for a read model. Defaults to 2."
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    if options["limit"] < 0:
        raise CommandError("--limit must not be negative.")
    if options["threads"] < 1:
        raise CommandError("--threads must be at least 1.")
    tables, read_models = _chosen(options["models"], options["database"])
    if not tables and not read_models and options["verbosity"] > 0:
        command.stdout.write("There is neither a tracked model nor a read model.")
    # first the tables: what is recorded of them changes read models
    problems = [verify_tables(command, tables, options), verify_read_models(command, read_models, options)]
    if any(problems):
        raise CommandError("\n".join(filter(None, problems)))


def _chosen(labels: list[str], alias: str) -> tuple[list[Any], list[Any]]:
    refuse_live(labels, alias)
    tracked = tracked_tables(alias)
    kept = {model._meta.label_lower: model for model in replayable_models(alias)}
    if not labels:
        return list(tracked.values()), list(kept.values())
    for label in labels:
        if label.lower() not in tracked and label.lower() not in kept:
            known = ", ".join(model._meta.label for model in [*tracked.values(), *kept.values()]) or "none"
            raise CommandError(
                f"{label} is no tracked model and no read model of the database {alias!r}. There are: {known}."
            )
    names = list(dict.fromkeys(label.lower() for label in labels))
    tables = with_companions([tracked[name] for name in names if name in tracked], alias)
    return tables, [kept[name] for name in names if name in kept]
