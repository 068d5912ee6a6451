"""Names that the parts of eventfold.django share."""

from typing import Any

APP_LABEL = "eventfold"

VIEW_FEATURE = "eventfold_view"
"""In `required_db_features` of each event model. No backend has it, so Django leaves the model's "table" alone."""

SLOT_KINDS = ("number", "number", "text", "text")
"""What each slot column of the log may hold. Its affinity is that of the columns it is compared with in joins."""


def is_event_model(model: Any) -> bool:
    """Whether a model, current or historical, is an event type's: its table is a view on the log."""
    meta = model._meta
    return VIEW_FEATURE in meta.required_db_features and not meta.abstract and not meta.proxy


def is_event_options(options: dict[str, Any]) -> bool:
    """The same for the options of a migration's CreateModel."""
    return VIEW_FEATURE in options.get("required_db_features", ()) and not options.get("proxy", False)
