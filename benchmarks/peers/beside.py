"""One package's way beside ours and the plain model, in turns in one process.

While one's turn is on, the other is as good as not installed: without our execute wrapper, without receivers of theirs
that listen to every model.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.django_project.start import start
from benchmarks.measure import Row, Scale, compare, race
from benchmarks.shop import Figure, bytes_of_saves, creates, make_books, make_shelves, plainly, saves

BOOKS = 1_000
ROUNDS = 7
NEEDED = ("django.contrib.auth", "django.contrib.contenttypes")


@dataclass(frozen=True)
class Peer:
    """A package, as its documentation says how to use it."""

    name: str
    model: Any
    records: Callable[[], int]
    """How many changes it has recorded."""
    save: Callable[[Any], None] = lambda book: book.save()
    create: Callable[[dict[str, Any]], Any] | None = None
    away: Callable[[], AbstractContextManager[None]] = nullcontext
    """Takes away what it does to models that it is not told of."""


def begin(database: Path, *more_apps: str) -> None:
    """Start the project with a package in it, and our own model tracked."""
    start(database, *NEEDED, *more_apps)
    from django.core.management import call_command

    from benchmarks.django_project.shop.models import Book
    from eventfold.django import track

    track(Book)
    call_command("migrate", verbosity=0)
    make_shelves()


def saves_and_creates(peer: Peer, scale: Scale) -> list[Row]:
    """Rows of save(), of the bytes that it leaves, and of create()."""
    from benchmarks.django_project.shop.models import Book, PlainBook
    from eventfold.django import events_of

    books, rounds = scale(BOOKS), scale.rounds(ROUNDS)
    changed = events_of(Book).changed.objects
    ours = without(peer, saves(make_books(Book, books)))
    plain = without(peer, plainly(saves(make_books(PlainBook, books))))
    theirs = plainly(saves(make_books(peer.model, books), save=peer.save))
    theirs()  # what it looks up once
    before, ours_before = peer.records(), changed.count()
    save, plain_save, their_save = race(rounds, ours, plain, theirs)
    assert peer.records() - before == changed.count() - ours_before == rounds * books
    grown, their_grown = bytes_of_saves(ours, books), bytes_of_saves(theirs, books)

    before = peer.records()
    create, plain_create, their_create = race(
        rounds,
        without(peer, creates(Book, books)),
        without(peer, plainly(creates(PlainBook, books))),
        plainly(creates(peer.model, books, peer.create)),
    )
    assert peer.records() - before == rounds * books

    def row(work: str, own: list[float], plain: list[float], their: list[float]) -> Row:
        return compare(work, own, f"{peer.name} ({min(their) / min(plain):.2g}x plain)", their)

    work = "save() that changes one field of ten, tracked"
    return [
        row(work, save, plain_save, their_save),
        row("create(), tracked", create, plain_create, their_create),
        compare(work, [grown], peer.name, [their_grown], unit="bytes/event"),
    ]


def without(peer: Peer, contestant: Figure) -> Figure:
    """Run a contestant as if the package were not installed."""

    def measure() -> float:
        with peer.away():
            return contestant()

    return measure
