"""What `manage.py events replay` says of rows."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from eventfold.django.drift import CHANGED, DOUBLED, EXTRA, KEPT, MISSING, Verified
from eventfold.django.management.progress import ProgressLine
from eventfold.django.management.verify_read_models import described
from eventfold.django.replay import Failure, Replayed
from eventfold.errors import EventfoldError


@contextmanager
def one_at_a_time(
    model: Any, command: BaseCommand, options: dict[str, Any], failures: list[Failure]
) -> Iterator[ProgressLine]:
    """Show how far the work on one read model has come; its error is one of the failures, and the others go on.

    Raises CommandError on Ctrl-C.
    """
    label = model._meta.label
    line = ProgressLine(command.stdout, label, quiet=options["verbosity"] == 0)
    try:
        yield line
    except EventfoldError as error:
        failures.append(Failure(model, error))
    except KeyboardInterrupt:
        raise interrupted([label]) from None
    finally:
        line.end()


def rows_of(done: Replayed) -> str:
    """Return how many rows were written."""
    return f"{done.rows:,} rows, of which {done.inserted:,} are new, {done.updated:,} changed; {done.deleted:,} removed"


def write_preview(command: BaseCommand, verified: Verified, what: str = "") -> None:
    """Say what would be written to a read model."""
    label = verified.model._meta.label
    for difference in verified.differences:
        command.stdout.write(f"{label} {described(difference, verified.model)}")
    kinds = {kind: verified.kinds.get(kind, 0) for kind in (CHANGED, EXTRA, DOUBLED, MISSING, KEPT)}
    hidden = verified.count - len(verified.differences)
    more = f" ({hidden:,} of them not shown)" if hidden else ""
    command.stdout.write(
        f"{label}: {what}{kinds[MISSING] + kinds[DOUBLED]:,} rows would be new, "
        f"{kinds[CHANGED] + kinds[KEPT]:,} changed; "
        f"{kinds[EXTRA] + kinds[DOUBLED]:,} removed{more}. Nothing was written."
    )


def interrupted(labels: Collection[str]) -> CommandError:
    """Return the error of a replay that somebody ended, of whose read models these were not written yet."""
    rows = "its rows are" if len(labels) == 1 else "their rows are"
    return CommandError(f"{', '.join(sorted(labels))}: interrupted; {rows} as they were.", returncode=130)
