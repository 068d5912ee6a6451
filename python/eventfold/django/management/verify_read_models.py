"""What `manage.py events verify` does with read models."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from eventfold.django.drift import CHANGED, DOUBLED, EXTRA, KEPT, Difference, Verified, verify
from eventfold.django.management.progress import ProgressLine
from eventfold.django.management.shown import shown
from eventfold.django.replay import is_projected
from eventfold.errors import EventfoldError


def verify_read_models(command: BaseCommand, models: list[Any], options: dict[str, Any]) -> str:
    """Hold read models against the log, and say what differs; return what is left to be done, or nothing."""
    alias, quiet = options["database"], options["verbosity"] == 0
    problems: list[str] = []
    drifted: dict[str, int] = {}
    done: set[Any] = set()
    for model in models:
        if model in done:
            continue  # together with another one
        label = model._meta.label
        line = ProgressLine(command.stdout, label, quiet=quiet)
        try:
            found = verify(
                model,
                alias,
                threads=options["threads"],
                limit=options["limit"],
                repair=options["repair"],
                progress=line.update,
            )
        except EventfoldError as error:
            problems.append(str(error))  # which says nothing of the others
            continue
        except KeyboardInterrupt:
            raise CommandError(f"{label}: interrupted; nothing was written to it.", returncode=130) from None
        finally:
            line.end()
        for verified in found:
            done.add(verified.model)
            if verified.count and not verified.repaired:
                drifted[verified.model._meta.label] = verified.count
            if not quiet:
                _write(command, verified)
    if drifted:
        count, labels = sum(drifted.values()), " ".join(drifted)
        where = "" if alias == DEFAULT_DB_ALIAS else f" --database {alias}"
        problems.append(
            f"Read models and log differ in {count:,} row{'s' * (count > 1)}. "
            f"`manage.py events verify {labels} --repair{where}` writes what follows from the log."
        )
    return "\n".join(problems)


def _write(command: BaseCommand, verified: Verified) -> None:
    label = verified.model._meta.label
    for difference in verified.differences:
        command.stdout.write(f"{label} {described(difference, verified.model)}")
    rows = f"{label}: {verified.rows:,} row{'s' * (verified.rows != 1)}"
    if not verified.count:
        command.stdout.write(f"{rows}, all as the log says")
        return
    hidden = verified.count - len(verified.differences)
    more = f", {hidden:,} of them not shown" if hidden else ""
    command.stdout.write(f"{rows}, {verified.count:,} difference{'s' * (verified.count > 1)}{more}")
    done = verified.repaired
    if done is not None:
        command.stdout.write(
            f"{label}: mended, up to position {done.head:,}: {done.inserted:,} rows are new, {done.updated:,} changed; "
            f"{done.deleted:,} removed"
        )


def described(difference: Difference, model: Any) -> str:
    """Return which row differs, and how."""
    names = {field.column: field.name for field in model._meta.concrete_fields}
    parts = [value if isinstance(value, str) else shown(value) for value in difference.key.values()]
    key = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
    if difference.what == KEPT:
        ((source, (in_log, kept)),) = difference.columns.items()
        return f"{key}: {source}, which it looks up, is {shown(in_log)} by the log, {shown(kept)} in its copy"
    if difference.what == CHANGED:
        columns = [
            f"{names[column]} is {shown(in_log)} by the log, {shown(in_table)} in the table"
            for column, (in_log, in_table) in difference.columns.items()
        ]
        columns += [
            f"the values that {names.get(column, column)} counts: {_and_more(missing, extra)}"
            for column, (missing, extra) in difference.values.items()
        ]
        return f"{key}: {', '.join(columns)}"
    if difference.what == EXTRA:
        beside = is_projected(model) and model.projection.counts_values
        where = "the table or beside it" if beside else "the table"
        return f"{key}: only in {where}; no such row follows from the log"
    if difference.what == DOUBLED:
        return f"{key}: the table has several rows of this key"
    return f"{key}: missing; the table has no such row"


def _and_more(missing: int, extra: int) -> str:
    """Of values that are kept beside the rows."""
    said = [f"{missing:,} {'is' if missing == 1 else 'are'} not kept"] if missing else []
    if extra:
        said.append(f"{extra:,} {'is' if extra == 1 else 'are'} kept that no event said")
    return " and ".join(said)
