"""What `manage.py events replay` does with --keys, --from and --only: some rows are folded anew, the others stay."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from eventfold.django.management.progress import ProgressLine
from eventfold.django.management.replay_preview import preview_all
from eventfold.django.management.replay_shown import one_at_a_time, rows_of, write_preview
from eventfold.django.partial_replay import (
    Key,
    NotInPart,
    keys_from_text,
    preview_rows,
    replay_rows,
    rows_concerned,
)
from eventfold.django.read_model_state import state_of
from eventfold.django.replay import Failure, is_projected

Whole = Callable[[list[Any], BaseCommand, dict[str, Any]], list[Failure]]


@dataclass(frozen=True)
class Part:
    """Which rows are to be rebuilt: those of these keys, or those that these events are about."""

    models: list[Any]
    what: str
    keys: list[Key] | None = None
    after: int = 0
    types: list[str] | None = None


def part_of(models: list[Any], options: dict[str, Any]) -> Part | None:
    """Return what the options ask for; None for the whole. Raises CommandError for what cannot be done."""
    keys, first, types = options["keys"], options["from_position"], options["only"]
    if keys is None and first is None and types is None:
        return None
    if keys is not None:
        if first is not None or types is not None:
            raise CommandError("--keys names the rows; --from and --only find them by events. Use one or the other.")
        if len(models) != 1 or not options["models"]:
            raise CommandError("--keys is of one read model: name it, as in `events replay books.BookList --keys 7 8`.")
        try:
            found = keys_from_text(models[0], options["database"], keys)
        except ValueError as error:
            raise CommandError(f"--keys: {error}") from error
        return Part(models, f"{len(found):,} of its keys", keys=found)
    if first is not None and first < 1:
        raise CommandError("--from is a position, and the first one is 1.")
    labels = None if types is None else _types(models, types)
    about = "events" if labels is None else ", ".join(labels)
    since = "" if first is None else f" from position {first:,} on"
    return Part(models, f"rows that {about}{since} are about", after=(first or 1) - 1, types=labels)


def replay_part(part: Part, command: BaseCommand, options: dict[str, Any], whole: Whole) -> list[Failure]:
    """Rebuild these rows of each read model, or the whole where that is more sensible; return what failed."""
    failures: list[Failure] = []
    all_of_it: list[Any] = []
    for model in part.models:
        reason = ""
        with one_at_a_time(model, command, options, failures) as line:
            reason = _replay_rows(part, model, command, options, line)
        if reason:
            all_of_it.append(model)
            if options["verbosity"] > 0:
                command.stdout.write(f"{model._meta.label}: the whole, since {reason}")
    again = preview_all if options["dry_run"] else whole
    return failures + (again(all_of_it, command, options) if all_of_it else [])


def _replay_rows(part: Part, model: Any, command: BaseCommand, options: dict[str, Any], line: ProgressLine) -> str:
    """Rebuild rows; return why it should be the whole instead, or nothing."""
    alias, verbosity = options["database"], options["verbosity"]
    keys, what = part.keys, part.what
    if keys is None:
        if not is_projected(model):
            return "a projector can only be called for all events"
        if problem := state_of(model, alias).problem:
            return problem
        try:
            rows = rows_concerned(model, alias, after=part.after, types=part.types, progress=line.update)
        except NotInPart as error:
            return str(error).partition(": ")[2]
        if not rows.are_few and rows.keys:
            return f"{len(rows.keys):,} of {rows.of:,} {what}"
        keys, what = rows.keys, f"{len(rows.keys):,} {what}"
    if not keys:
        if verbosity > 0:
            command.stdout.write(f"{model._meta.label}: no {part.what}; nothing is to be done")
        return ""
    common = {"threads": options["threads"], "batch": options["batch"], "progress": line.update}
    if options["dry_run"]:
        verified = preview_rows(model, alias, keys, limit=options["limit"], **common)
        line.end()
        if verbosity > 0:
            write_preview(command, verified, f"{what}; ")
        return ""
    done = replay_rows(model, alias, keys, **common)
    line.end()
    if verbosity > 0:
        held = f"; writers waited for {done.seconds * 1000:.1f} ms" if verbosity > 1 else ""
        anew = f"{what}, folded anew up to position {done.head:,}, the others left"
        command.stdout.write(f"{model._meta.label}: {anew}: {rows_of(done)}{held}")
    return ""


def _types(models: list[Any], names: list[str]) -> list[str]:
    """Return the labels of event types, which may be given in any case."""
    known = {label.lower(): label for model in models if is_projected(model) for label in model.projection.labels()}
    for name in names:
        if name.lower() not in known:
            read = ", ".join(sorted(known.values())) or "none"
            raise CommandError(f"--only: none of these read models reads {name}. Those that are read: {read}.")
    return sorted({known[name.lower()] for name in names})
