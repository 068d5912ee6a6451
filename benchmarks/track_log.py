"""Tracking as the log grows: update() of 10 k rows, and as_of() of a row with 1,000 events, at first and at 3 M events.

The 3 M are 300 of each of 10 k rows, written by update() as an app would. Updated is a table that has few events, and
that one. The latter is the dear case: in the log's index by row, the places of its rows are then as far apart as can
be, so that each event is written to another page.
"""

from pathlib import Path
from typing import Any

from benchmarks.django_project.start import start
from benchmarks.measure import Row, Scale, at_most, at_most_more, race
from benchmarks.shop import Figure, make_books, make_shelves, per_call, plainly, updates

ROWS = 10_000
SWEEPS = 300
OWN = 1_000
ROUNDS = 9
MOST_AS_OF = 1_000


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "track.db")
    from django.core.management import call_command
    from django.db.models import F

    from benchmarks.django_project.shop.models import Book, OldBook, PlainBook
    from eventfold.django import events_of, track

    track(Book)
    track(OldBook)
    call_command("migrate", verbosity=0)
    make_shelves()
    rows, own = scale(ROWS), scale(OWN)
    near, far = make_books(Book, rows)[rows // 2], make_books(OldBook, rows)[rows // 2]
    make_books(PlainBook, rows)
    updated: list[Row] = []

    def compare_updates(model: Any, log: str) -> None:
        tracked, plain = race(scale.rounds(ROUNDS), updates(model), plainly(updates(PlainBook)))
        work = f"update() of 10 k rows, tracked, {log}"
        updated.append(at_most_more(work, tracked, "plain update()", plain, 4, unit="us/row"))

    def change(book: Any, times: int) -> None:
        for _ in range(times):
            type(book).objects.filter(pk=book.pk).update(pages=F("pages") + 1)

    compare_updates(Book, "small log")
    change(near, own)
    sweeps = scale.rounds(SWEEPS)
    for _ in range(sweeps):
        OldBook.objects.update(pages=F("pages") + 1)
        change(far, own // sweeps)
    assert events_of(OldBook).changed.objects.count() >= sweeps * rows
    compare_updates(Book, "3 M of other rows")
    compare_updates(OldBook, "3 M of these rows")

    ours_near, ours_far, present = race(
        scale.rounds(ROUNDS),
        reads(near, own),
        reads(far, own),
        lambda: per_call(lambda: OldBook.objects.get(pk=far.pk)),
    )
    work, get = f"as_of() of a row with {own:,} events", "get() of the row as it is"
    return [
        *updated,
        at_most(f"{work}, side by side", ours_near, get, present, MOST_AS_OF, unit="us/call"),
        at_most(f"{work}, among 3 M", ours_far, get, present, MOST_AS_OF, unit="us/call"),
    ]


def reads(book: Any, changes: int) -> Figure:
    """as_of() at the last of so many changes of a row, which has to read all of them."""
    from eventfold.django import as_of, events_of

    changed = events_of(type(book)).changed.objects.filter(key=book.pk).order_by("position")
    moment = changed[changes - 1].position
    assert as_of(book, moment).pages == book.pages + changes
    return lambda: per_call(lambda: as_of(book, moment))
