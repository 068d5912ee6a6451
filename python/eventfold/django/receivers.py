"""Who listens to an event class: pre_save and post_save receivers, which cost an append its fastest path."""

from typing import Any

from django.db.models.signals import post_save, pre_save


def has_receivers(sender: type) -> bool:
    """Whether anyone listens to pre_save or post_save of this class, or of every class."""
    return (bool(pre_save.receivers) and pre_save.has_listeners(sender)) or (
        bool(post_save.receivers) and post_save.has_listeners(sender)
    )


def receiver_names(sender: type) -> list[str]:
    """Name them, for `events status`: "pre_save: app.module.function"."""
    names = []
    for name, signal in (("pre_save", pre_save), ("post_save", post_save)):
        for receivers in signal._live_receivers(sender):
            names += [f"{name}: {_name_of(receiver)}" for receiver in receivers]
    return names


def _name_of(receiver: Any) -> str:
    named = getattr(receiver, "__func__", receiver)
    if not hasattr(named, "__qualname__"):
        named = type(receiver)
    return f"{named.__module__}.{named.__qualname__}"
