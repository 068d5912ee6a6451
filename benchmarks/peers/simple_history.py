"""django-simple-history: a history table for each model, and helpers for what its receivers do not see.

It has nothing for update(), so 10 k rows are changed by `bulk_update_with_history`, which is given them as objects.
"""

from pathlib import Path

from benchmarks.django_project.start import settle
from benchmarks.measure import Row, Scale, compare, faster, race, timed
from benchmarks.peers.beside import Peer, begin, saves_and_creates
from benchmarks.shop import bulk_creates, per_call, plainly, updates

BULK = 10_000
BULK_ROUNDS = 3
CHANGES = 1_000
NAME = "django-simple-history"


def run(folder: Path, scale: Scale) -> list[Row]:
    begin(folder / "simple_history.db", "simple_history", "benchmarks.django_project.historical")
    from simple_history.utils import bulk_create_with_history, bulk_update_with_history

    from benchmarks.django_project.historical.models import HistoricBook
    from benchmarks.django_project.shop.models import Book
    from eventfold.django import events_of

    rows = saves_and_creates(Peer(NAME, HistoricBook, HistoricBook.history.count), scale)

    bulk, rounds = scale(BULK), scale.rounds(BULK_ROUNDS)
    Book.objects.all().delete()
    HistoricBook.objects.all().delete()
    created, their_created = race(
        rounds,
        bulk_creates(Book, bulk),
        plainly(bulk_creates(HistoricBook, bulk, lambda books: bulk_create_with_history(books, HistoricBook))),
    )
    rows.append(compare("bulk_create of 10 k, tracked", created, f"{NAME}, bulk_create_with_history", their_created))

    Book.objects.filter(pk__in=Book.objects.order_by("pk")[bulk:]).delete()

    def update_with_history() -> float:
        books = list(HistoricBook.objects.order_by("pk")[:bulk])
        for book in books:
            book.pages += 1
        settle()
        return timed(lambda: bulk_update_with_history(books, HistoricBook, ["pages"]), bulk)

    before, theirs_before = events_of(Book).changed.objects.count(), HistoricBook.history.count()
    update, their_update = race(rounds, updates(Book), plainly(update_with_history))
    assert events_of(Book).changed.objects.count() - before == rounds * bulk
    assert HistoricBook.history.count() - theirs_before == rounds * bulk
    name = f"{NAME}, bulk_update_with_history"
    rows.append(faster("update() of 10 k rows, tracked", update, name, their_update, 20, unit="us/row"))
    return [*rows, compare_as_of(scale)]


def compare_as_of(scale: Scale) -> Row:
    """A row with 1,000 events, as of the last."""
    from benchmarks.django_project.historical.models import HistoricBook
    from benchmarks.django_project.shop.models import Book
    from eventfold.django import as_of, history

    changes = scale(CHANGES)
    book, historic = Book.objects.latest("pk"), HistoricBook.objects.latest("pk")
    for _ in range(changes):
        for row in (book, historic):
            row.pages += 1
            row.save()
    position, when = history(book)[0].position, historic.history.latest().history_date
    assert as_of(book, position).pages == book.pages
    assert historic.history.as_of(when).pages == historic.pages
    ours, theirs = race(
        scale.rounds(BULK_ROUNDS),
        lambda: per_call(lambda: as_of(book, position)),
        plainly(lambda: per_call(lambda: historic.history.as_of(when))),
    )
    return compare(f"as_of() of a row with {changes:,} events", ours, NAME, theirs, unit="us/call")
