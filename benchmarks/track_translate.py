"""save() of a tracked model with a translation, beside save() of a plain one.

The translated field is a foreign key, as a book's borrower is.
"""

from pathlib import Path
from typing import Any

from benchmarks.django_project.start import start
from benchmarks.measure import Row, Scale, race, within
from benchmarks.shop import make_books, make_shelves, plainly, saves

BOOKS = 1_000
ROUNDS = 21


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "translate.db")
    from django.core.management import call_command

    from benchmarks.django_project.shop.events import BookMoved
    from benchmarks.django_project.shop.models import LoudBook, PlainBook, QuietBook
    from eventfold.django import track, translate

    track(QuietBook)
    track(LoudBook)
    called = 0

    @translate(QuietBook, "shelf")
    def nothing(book: Any, old: Any, new: Any) -> None:
        nonlocal called
        called += 1

    @translate(LoudBook, "shelf")
    def moved(book: Any, old: Any, new: Any) -> BookMoved:
        return BookMoved(book=book.pk, shelf=new.pk)

    call_command("migrate", verbosity=0)
    make_shelves()
    books, rounds = scale(BOOKS), scale.rounds(ROUNDS)
    plain_books, quiet_books, loud_books = (make_books(model, books) for model in (PlainBook, QuietBook, LoudBook))
    first, called = called, 0
    plain, untouched, quiet, loud = race(
        rounds,
        plainly(saves(plain_books, "shelf")),
        saves(quiet_books, "title"),
        saves(quiet_books, "shelf"),
        saves(loud_books, "shelf"),
    )
    assert (first, called) == (books, rounds * books)
    assert BookMoved.objects.count() == (1 + rounds) * books
    return [
        within("save(), translated field unchanged", untouched, "plain save()", plain, 1.15),
        within("save(), a translation without event", quiet, "plain save()", plain, 1.15),
        within("save(), a translation with an event", loud, "plain save()", plain, 1.4),
    ]
