"""All models of the installed apps, also while a test restricts the registry to its `available_apps`.

The log and the read models do not shrink with the registry: an event must still be folded, and be gone after a flush.
"""

from contextlib import suppress
from typing import Any

from django.apps import apps


def declared_models() -> list[Any]:
    """Return every model, in the order of declaration."""
    labels = {label for configs in (apps.app_configs, *apps.stored_app_configs) for label in configs}
    return [model for label, models in apps.all_models.items() if label in labels for model in models.values()]


def declared_model(label: str) -> Any:
    """Return a model by its label, or the event type of a tracked one. Raises LookupError."""
    from eventfold.django.tracking.event_types import tracked_event

    try:
        return table_model(label)
    except LookupError:
        with suppress(LookupError):
            return tracked_event(label)
        raise


def table_model(label: str) -> Any:
    """Return a model by its label. Raises LookupError, ValueError."""
    app_label, _, name = label.partition(".")
    model = apps.all_models.get(app_label, {}).get(name.lower())
    return apps.get_model(label) if model is None else model  # which says what is wrong
