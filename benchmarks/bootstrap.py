"""`manage.py events bootstrap` of a table of 1 M rows and ten columns, beside copies of the rows made by the ORM.

The command is timed as it is used: outside of a transaction, with the pauses in which others may write. Its peer makes
an object of each row and writes them by bulk_create, 1,000 at a time, into a table with an index on the row's key; it
gets a sample.
"""

from pathlib import Path
from typing import Any

from benchmarks.django_project.start import settle, start
from benchmarks.measure import Row, Scale, at_rate, faster, race, timed

ROWS = 1_000_000
SAMPLE = 50_000
ROUNDS = 3
BATCH = 1_000

FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
INSERT INTO stock_book (title, author, pages, price, rating, available, published, added, shelf)
SELECT 'The book ' || i, 'Author ' || (i %% 1000), i %% 900, (i %% 10000) / 100.0, (i %% 50) / 10.0, i %% 2,
    date('2000-01-01', (i %% 9000) || ' days'), datetime('2024-01-01', i || ' seconds') || '.678901', i %% 77
FROM n
"""


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "bootstrap.db")
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.django_project.stock.models import Book, BookSnapshot
    from eventfold import _core
    from eventfold.django import events_of, track
    from eventfold.django.gate import native

    rows, sample = scale(ROWS), scale(SAMPLE)
    with connection.cursor() as cursor:
        cursor.execute(FILL, [rows])
    track(Book)
    call_command("migrate", verbosity=0)

    def bootstrap() -> float:
        native(connection, "empty", _core.Log.empty)
        settle()
        return timed(lambda: call_command("events", "bootstrap", "stock.Book", verbosity=0), rows)

    def copies() -> float:
        BookSnapshot.objects.all().delete()
        settle()
        return timed(lambda: copy_rows(Book, BookSnapshot, sample), sample)

    ours, by_orm = race(scale.rounds(ROUNDS), bootstrap, copies)
    assert events_of(Book).existed.objects.count() == rows
    assert BookSnapshot.objects.count() == sample
    last = Book.objects.latest("pk")
    said = events_of(Book).existed.objects.get(key=last.pk)
    assert (said.new_title, said.new_price, said.new_added) == (last.title, last.price, last.added)
    name = "bulk_create of copies (sample)"
    return [
        at_rate("bootstrap of 1 M rows", ours, name, by_orm, 500_000, unit="us/row"),
        faster("bootstrap of 1 M rows", ours, name, by_orm, 6, unit="us/row"),
    ]


def copy_rows(book: Any, snapshot: Any, count: int) -> None:
    last = 0
    for _ in range(0, count, BATCH):
        rows = list(book.objects.filter(pk__gt=last).order_by("pk")[:BATCH].values())
        last = rows[-1]["id"]
        snapshot.objects.bulk_create([snapshot(key=row.pop("id"), **row) for row in rows])
