"""The read models that a command is about."""

from typing import Any

from django.core.management.base import CommandError

from eventfold.django.registry import live_models_of
from eventfold.django.replay import replayable_models


def chosen_read_models(labels: list[str], alias: str, *, live: bool = False) -> list[Any]:
    """Return the read models of these labels, in any case; all of a database, if there are none.

    `live`: those that are stored nowhere too.
    """
    unstored = live_models_of(alias)
    if not live:
        refuse_live(labels, alias)
    by_label = {model._meta.label_lower: model for model in replayable_models(alias) + (unstored if live else [])}
    if not labels:
        return list(by_label.values())
    for label in labels:
        if label.lower() not in by_label:
            known = ", ".join(model._meta.label for model in by_label.values()) or "none"
            raise CommandError(f"{label} is no read model of the database {alias!r}. There are: {known}.")
    return list(dict.fromkeys(by_label[label.lower()] for label in labels))


def refuse_live(labels: list[str], alias: str) -> None:
    """Raise CommandError if one of these is a read model that is stored nowhere."""
    live = {model._meta.label_lower for model in live_models_of(alias)}
    for label in labels:
        if label.lower() in live:
            raise CommandError(
                f"{label} is live: its rows are folded from the log when they are asked for; nobody keeps them."
            )
