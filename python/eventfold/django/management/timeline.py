"""`manage.py events show books.Book:7`: what happened to a tracked row, for people."""

import json
from datetime import timezone
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from eventfold.django.tracking import registry
from eventfold.django.tracking.changes import history
from eventfold.django.tracking.event_types import key_parts

_LONGEST = 60
_NOT_FOR_ROWS = ("type", "stream", "json")


def show(write: Any, options: dict[str, Any]) -> None:
    """Write the timeline of the row, or of the model, that `row` names. Raises CommandError."""
    for name in _NOT_FOR_ROWS:
        if options[name]:
            raise CommandError(f"--{name} does not go with the timeline of a row; leave out {options['row']}.")
    model, key = _named(options["row"])
    alias = options["database"]
    changes = history(model if key is None else model(pk=key), using=alias)
    if not changes.exists():
        raise CommandError(_nothing(options["row"], model, key, alias))
    changes = changes.filter(position__gt=options["after"])
    if options["until"] is not None:
        changes = changes.filter(position__lte=options["until"])
    if options["tail"] is not None:
        found: Any = list(changes[: options["tail"]])[::-1]  # they are newest first
    else:
        oldest = changes.order_by("position")
        found = oldest.iterator() if options["limit"] is None else oldest[: options["limit"]]
    for change in found:
        for line in _lines(change, with_key=key is None):
            write(line)


def _named(text: str) -> tuple[Any, Any]:
    """The model and the primary key that a text such as books.Book:7 names; no key: all rows."""
    label, colon, key = text.partition(":")
    try:
        model: Any = apps.get_model(label)
    except (LookupError, ValueError):
        raise CommandError(
            f"{label} is no model. Name a row as app.Model:key, such as {_example()}, or a model as app.Model."
        ) from None
    model = model._meta.concrete_model
    if registry.tracking_of(model) is None:
        known = ", ".join(sorted(each._meta.label for each in registry.tracked_models())) or "none"
        raise CommandError(
            f"{model._meta.label} is not tracked, so nothing is known of its rows. Tracked are: {known}."
        )
    return model, _key(model, key, text) if colon else None


def _key(model: Any, text: str, whole: str) -> Any:
    parts = key_parts(model)
    values: list[Any] = [text]
    if len(parts) > 1:
        try:
            values = json.loads(text) if text.startswith("[") else text.split(",")
        except ValueError:
            values = []
        if len(values) != len(parts):
            names = ",".join(part.name for part in parts)
            raise CommandError(
                f"{whole}: the primary key of {model._meta.label} has {len(parts)} parts. Name a row as "
                f"{model._meta.label}:{names}, or with a JSON list of them."
            )
    try:
        found = [part.to_python(value) for part, value in zip(parts, values, strict=True)]
    except ValidationError as error:
        raise CommandError(f"{whole}: {' '.join(error.messages)}") from None
    if "" in values and not all(isinstance(value, str) for value in found):
        raise CommandError(f"{whole}: there is no key after the colon.")
    return tuple(found) if len(parts) > 1 else found[0]


def _nothing(text: str, model: Any, key: Any, alias: str) -> str:
    rows = model._base_manager.using(alias)
    if key is not None and not rows.filter(pk=key).exists():
        return f"There never was a {text}, as far as the log reaches."
    if key is None and not rows.exists():
        return f"Nothing has happened to {text} yet."
    return (
        f"Nothing is recorded of {text}, which was there before tracking began: "
        f"`manage.py events bootstrap {model._meta.label}` gives its rows their first event."
    )


def _example() -> str:
    models = registry.tracked_models()
    return f"{models[0]._meta.label}:1" if models else "books.Book:1"


def _lines(change: Any, *, with_key: bool) -> list[str]:
    created = change.created.astimezone(timezone.utc) if change.created.tzinfo else change.created
    when = created.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
    who = change.metadata.get("user")
    where = f" {change.label}" if change.label != change.tracked._meta.label else ""
    row = f" {change.key}" if with_key else ""
    by = "" if who is None else f" by {who if isinstance(who, (str, int)) else _shown(who)}"
    head = f"{change.position:>8} {when} {change.action}{where}{row}{by}"
    old, new = change.part("old"), change.part("new")
    if change.action == "changed":
        values = [f"{name}: {_shown(old.get(name))} -> {_shown(value)}" for name, value in new.items()]
    else:  # all of the row; what is null says nothing
        values = [f"{name}: {_shown(value)}" for name, value in (new or old).items() if value is not None]
    return [head, *(f"{'':9}  {value}" for value in values)]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
