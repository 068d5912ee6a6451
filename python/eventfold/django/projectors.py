"""Receivers that keep a read model by hand, and are called again by a replay."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models.signals import post_save

from eventfold.django.read_models import label_of

_Receiver = TypeVar("_Receiver", bound=Callable[..., Any])


@dataclass(frozen=True)
class Projector:
    """A receiver of post_save, the events it is called for and the read models that it keeps."""

    receiver: Callable[..., Any]
    events: tuple[str, ...]
    reads: tuple[str, ...]

    def call(self, event: Any, using: str) -> None:
        """Call the receiver as post_save would, for a recorded event."""
        self.receiver(
            sender=type(event),
            instance=event,
            created=True,
            raw=False,
            using=using,
            update_fields=None,
            signal=post_save,
        )


_projectors: list[Projector] = []


def projector(*events: Any, reads: Any) -> Callable[[_Receiver], _Receiver]:
    """Declare a receiver that keeps read models by hand.

        @projector("books.BookBorrowed", reads="books.BookList")
        def count(sender, instance, using, **kwargs):
            BookList.objects.using(using).filter(book=instance.book).update(...)

    It receives post_save of these event classes, and `manage.py events replay books.BookList` calls it again for every
    recorded event, in order, with the table of the read model empty at first. It must write to no other table and send
    nothing.
    """
    if not events:
        raise TypeError('projector() takes event types, as in @projector("books.BookBorrowed", reads="books.BookList")')
    models = reads if isinstance(reads, (tuple, list)) else (reads,)

    def connect(receiver: _Receiver) -> _Receiver:
        labels = tuple(label_of(event) for event in events)
        declared = Projector(receiver, labels, tuple(label_of(model) for model in models))
        _projectors.append(declared)
        for label in labels:
            post_save.connect(receiver, sender=label, weak=False, dispatch_uid=(id(receiver), label))
        return receiver

    return connect


def projectors_of(model: Any) -> list[Projector]:
    """Return the projectors that keep a read model, in the order they were declared."""
    return [each for each in _projectors if model._meta.label in each.reads]


def labels_with_projectors() -> Iterable[str]:
    """Return the labels of all read models that a projector keeps."""
    return sorted({label for each in _projectors for label in each.reads})
