"""eventfold for Django: add "eventfold.django" to INSTALLED_APPS.

Everything a project needs is imported from here. Names are looked up when they are first used, so that
`from eventfold.django import Event` works in models.py and in events.py, while importing the package itself needs no
app registry.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventfold.django.aggregates import ArrayAgg as ArrayAgg
    from eventfold.django.aggregates import Avg as Avg
    from eventfold.django.aggregates import Histogram as Histogram
    from eventfold.django.aggregates import Top as Top
    from eventfold.django.events import Event as Event
    from eventfold.django.following.waiting import NotYetFollowed as NotYetFollowed
    from eventfold.django.following.waiting import wait_for as wait_for
    from eventfold.django.lookup import Lookup as Lookup
    from eventfold.django.managers import EventManager as EventManager
    from eventfold.django.metadata_context import metadata as metadata
    from eventfold.django.projectors import projector as projector
    from eventfold.django.queryset import EventQuerySet as EventQuerySet
    from eventfold.django.reactors import reactor as reactor
    from eventfold.django.read_models import Count as Count
    from eventfold.django.read_models import CountDistinct as CountDistinct
    from eventfold.django.read_models import Each as Each
    from eventfold.django.read_models import Filtered as Filtered
    from eventfold.django.read_models import First as First
    from eventfold.django.read_models import KeyOf as KeyOf
    from eventfold.django.read_models import Latest as Latest
    from eventfold.django.read_models import Max as Max
    from eventfold.django.read_models import Min as Min
    from eventfold.django.read_models import ReadModel as ReadModel
    from eventfold.django.read_models import StreamCategory as StreamCategory
    from eventfold.django.read_models import StreamName as StreamName
    from eventfold.django.read_models import Sum as Sum
    from eventfold.django.read_models import on as on
    from eventfold.django.read_models import on_batch as on_batch
    from eventfold.django.recorded import Recorded as Recorded
    from eventfold.django.tracking.changes import Change as Change
    from eventfold.django.tracking.changes import history as history
    from eventfold.django.tracking.event_types import TrackedEvent as TrackedEvent
    from eventfold.django.tracking.event_types import events_of as events_of
    from eventfold.django.tracking.history import as_of as as_of
    from eventfold.django.tracking.history import diff as diff
    from eventfold.django.tracking.history import revert as revert
    from eventfold.django.tracking.moments import NotRecorded as NotRecorded
    from eventfold.django.tracking.moments import PastError as PastError
    from eventfold.django.tracking.past import past as past
    from eventfold.django.tracking.registry import track as track
    from eventfold.django.tracking.registry import untrack as untrack
    from eventfold.django.tracking.translate import translate as translate

_MODULES = {
    "Event": "events",
    "EventManager": "managers",
    "EventQuerySet": "queryset",
    "Recorded": "recorded",
    "ReadModel": "read_models",
    "Count": "read_models",
    "CountDistinct": "read_models",
    "Sum": "read_models",
    "Min": "read_models",
    "Max": "read_models",
    "First": "read_models",
    "Latest": "read_models",
    "Lookup": "lookup",
    "ArrayAgg": "aggregates",
    "Histogram": "aggregates",
    "Top": "aggregates",
    "Avg": "aggregates",
    "Filtered": "read_models",
    "Each": "read_models",
    "KeyOf": "read_models",
    "StreamName": "read_models",
    "StreamCategory": "read_models",
    "on": "read_models",
    "on_batch": "read_models",
    "projector": "projectors",
    "reactor": "reactors",
    "wait_for": "following.waiting",
    "NotYetFollowed": "following.waiting",
    "track": "tracking.registry",
    "untrack": "tracking.registry",
    "translate": "tracking.translate",
    "metadata": "metadata_context",
    "events_of": "tracking.event_types",
    "TrackedEvent": "tracking.event_types",
    "history": "tracking.changes",
    "Change": "tracking.changes",
    "past": "tracking.past",
    "NotRecorded": "tracking.moments",
    "PastError": "tracking.moments",
    "as_of": "tracking.history",
    "diff": "tracking.history",
    "revert": "tracking.history",
}

__all__ = [  # noqa: RUF022
    "Event",
    "EventManager",
    "EventQuerySet",
    "Recorded",
    "ReadModel",
    "Count",
    "CountDistinct",
    "Sum",
    "Min",
    "Max",
    "First",
    "Latest",
    "Lookup",
    "ArrayAgg",
    "Histogram",
    "Top",
    "Avg",
    "Filtered",
    "Each",
    "KeyOf",
    "StreamName",
    "StreamCategory",
    "on",
    "on_batch",
    "projector",
    "reactor",
    "wait_for",
    "NotYetFollowed",
    "track",
    "untrack",
    "translate",
    "metadata",
    "events_of",
    "TrackedEvent",
    "history",
    "Change",
    "as_of",
    "diff",
    "revert",
    "past",
    "NotRecorded",
    "PastError",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
