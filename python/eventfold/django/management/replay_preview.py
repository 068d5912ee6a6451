"""What `manage.py events replay --dry-run` does."""

from typing import Any

from django.core.management.base import BaseCommand

from eventfold.django.drift import Verified, preview
from eventfold.django.management.replay_shown import one_at_a_time, write_preview
from eventfold.django.replay import Failure


def preview_all(models: list[Any], command: BaseCommand, options: dict[str, Any]) -> list[Failure]:
    """Say what a replay of these read models would write; return what failed."""
    failures: list[Failure] = []
    done: set[Any] = set()
    for model in models:
        if model in done:
            continue  # together with another one
        found: list[Verified] = []
        with one_at_a_time(model, command, options, failures) as line:
            found = preview(
                model,
                options["database"],
                threads=options["threads"],
                limit=options["limit"],
                batch=options["batch"],
                progress=line.update,
            )
        for verified in found:
            done.add(verified.model)
            if options["verbosity"] > 0:
                write_preview(command, verified)
    return failures
