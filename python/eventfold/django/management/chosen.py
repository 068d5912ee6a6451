"""The read models that a command is about."""

from typing import Any

from django.core.management.base import CommandError

from eventfold.django.replay import replayable_models


def chosen_read_models(labels: list[str], alias: str) -> list[Any]:
    """Return the read models of these labels, in any case; all of a database, if there are none."""
    by_label = {model._meta.label_lower: model for model in replayable_models(alias)}
    if not labels:
        return list(by_label.values())
    for label in labels:
        if label.lower() not in by_label:
            known = ", ".join(model._meta.label for model in by_label.values()) or "none"
            raise CommandError(f"{label} is no read model of the database {alias!r}. There are: {known}.")
    return list(dict.fromkeys(by_label[label.lower()] for label in labels))
