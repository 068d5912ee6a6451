"""What `manage.py events replay --dry-run` does."""

from typing import Any

from django.core.management.base import BaseCommand

from eventfold.django.drift import preview
from eventfold.django.management.progress import ProgressLine
from eventfold.django.management.replay_shown import interrupted, write_preview
from eventfold.django.replay import Failure
from eventfold.errors import EventfoldError


def preview_all(models: list[Any], command: BaseCommand, options: dict[str, Any]) -> list[Failure]:
    """Say what a replay of these read models would write; return what failed."""
    failures: list[Failure] = []
    done: set[Any] = set()
    for model in models:
        if model in done:
            continue  # together with another one
        label = model._meta.label
        line = ProgressLine(command.stdout, label, quiet=options["verbosity"] == 0)
        try:
            found = preview(
                model,
                options["database"],
                threads=options["threads"],
                limit=options["limit"],
                batch=options["batch"],
                progress=line.update,
            )
        except EventfoldError as error:
            failures.append(Failure(model, error))
            continue
        except KeyboardInterrupt:
            raise interrupted([label]) from None
        finally:
            line.end()
        for verified in found:
            done.add(verified.model)
            if options["verbosity"] > 0:
                write_preview(command, verified)
    return failures
