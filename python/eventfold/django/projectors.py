"""Receivers that keep a read model by hand, and are called again by a replay."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, TypeVar

from django.db.models.signals import post_save

from eventfold.django.read_models import label_of

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Projector:
    """A function, the events it is called for and the read models that it keeps; events and models by label."""

    function: Callable[..., Any]
    events: tuple[str, ...]
    reads: tuple[str, ...]
    receive: Callable[..., None]
    """The function, with the arguments of a receiver of post_save."""

    def call_again(self, event: Any, using: str) -> None:
        """Call the function as post_save did when the event was new."""
        self.receive(
            sender=type(event),
            instance=event,
            created=True,
            raw=False,
            using=using,
            update_fields=None,
            signal=post_save,
        )


_projectors: list[Projector] = []


def projector(*events: Any, reads: Any) -> Callable[[_Function], _Function]:
    """Declare a function that keeps read models by hand, as a receiver of post_save that a replay calls again.

        @projector("books.BookBorrowed", reads="books.BookList")
        def count(event):
            BookList.objects.filter(book=event.book).update(...)

    It is called for each new event of these classes, in the transaction of its append; and by `manage.py events
    replay books.BookList` for every recorded one, in order, with the tables of the read models that it keeps empty at
    first. It must depend on the events and those tables alone, and do nothing but write to them: on a replay, a write
    to another table raises ProjectionError.

    A function of `event, using` gets the database alias too, and one that takes `**kwargs` all that post_save sends.
    """
    if not events:
        raise TypeError('projector() takes event types, as in @projector("books.BookBorrowed", reads="books.BookList")')
    models = reads if isinstance(reads, (tuple, list)) else (reads,)

    def connect(function: _Function) -> _Function:
        labels = tuple(label_of(event) for event in events)
        receive = _as_receiver(function)
        _projectors.append(Projector(function, labels, tuple(label_of(model) for model in models), receive))
        for label in labels:
            post_save.connect(receive, sender=label, weak=False)
        return function

    return connect


def all_projectors() -> tuple[Projector, ...]:
    """Return all projectors, in the order they were declared."""
    return tuple(_projectors)


def projectors_of(model: Any) -> list[Projector]:
    """Return the projectors that keep a read model, in the order they were declared."""
    return [each for each in _projectors if model._meta.label in each.reads]


def kept_together(label: str) -> tuple[list[str], list[Projector]]:
    """Return the read models that must be rebuilt with this one, itself among them, and the projectors that keep them.

    A projector that keeps two of them writes to both whenever it is called.
    """
    labels = {label}
    while True:
        found = [each for each in _projectors if labels & set(each.reads)]
        more = labels.union(*(each.reads for each in found))
        if more == labels:
            return sorted(labels), found
        labels = more


def labels_with_projectors() -> Iterable[str]:
    """Return the labels of all read models that a projector keeps."""
    return sorted({label for each in _projectors for label in each.reads})


def _as_receiver(function: Callable[..., Any]) -> Callable[..., None]:
    parameters = signature(function).parameters
    takes_all = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    takes_using = "using" in parameters

    def receive(**kwargs: Any) -> None:
        if takes_all:
            function(**kwargs)
        elif takes_using:
            function(kwargs["instance"], using=kwargs["using"])
        else:
            function(kwargs["instance"])

    # So that `events status` names it. Not by wraps(), by which Django would see the function's parameters.
    receive.__module__, receive.__qualname__ = function.__module__, function.__qualname__
    return receive
