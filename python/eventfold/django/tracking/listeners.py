"""Who listens to the events of tracked models: receivers of pre_save and post_save that named such a class.

Receivers of every class do not hear them: whoever audits all models has the tracked model's own signals already.
"""

from typing import Any
from weakref import ref

from django.apps import apps
from django.db.models.signals import ModelSignal, post_save, pre_save
from django.dispatch.dispatcher import NO_RECEIVERS

from eventfold.django.tracking.event_types import made_events, tracked_event, tracked_labels

_SIGNALS: tuple[ModelSignal, ...] = (pre_save, post_save)


class _Asked:
    """A sender of our own: what a signal keeps of it is gone when a receiver comes or goes."""


_ASKED = ref(_Asked)


class _Swept:
    """A sender of our own, which nobody listens to: a signal that is asked about it drops receivers that have died."""


def listened() -> frozenset[Any]:
    """Return the event types of tracked models that somebody listens to."""
    if apps._pending_operations:
        wait_no_longer()
    # past the methods of WeakKeyDictionary, which make a reference each time: every statement that writes asks this
    before: Any = pre_save.sender_receivers_cache
    after: Any = post_save.sender_receivers_cache
    known: Any = before.data.get(_ASKED)
    if known is None or after.data.get(_ASKED) is not known:
        known = frozenset().union(*map(_ask, _SIGNALS))
        for signal in _SIGNALS:
            signal.sender_receivers_cache[_Asked] = known
    return known  # type: ignore[no-any-return]


def wait_no_longer() -> None:
    """Connect the receivers that wait for the event type of a tracked model, as "books.BookChanged"."""
    labels = {tuple(label.lower().split(".")): label for label in tracked_labels()}
    for name in apps._pending_operations.keys() & labels.keys():
        apps.do_pending_operations(tracked_event(labels[name]))


def tell(event: Any, using: str) -> None:
    """Call the receivers of a recorded event."""
    arguments = {"sender": type(event), "instance": event, "raw": False, "using": using, "update_fields": None}
    for signal in _SIGNALS:
        signal.has_listeners(_Swept)  # else it would look for receivers anew, past what _ask() found
        signal.send(**arguments, **({"created": True} if signal is post_save else {}))


def _ask(signal: ModelSignal) -> set[Any]:
    found = set()
    for event in made_events():
        own = [(receiver, is_async) for (_, sender), receiver, is_async in signal.receivers if sender == id(event)]
        # what send() would look for, without the receivers of every class
        signal.sender_receivers_cache[event] = own or NO_RECEIVERS
        if own:
            found.add(event)
    return found
