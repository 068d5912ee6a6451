"""`manage.py events replay` of 1 M events into a Django table of 100 k rows, beside what the ORM would do; and verify.

Both are timed as the command, in a process that has Django loaded. The ORM's way takes minutes, so it gets a sample:
as many events a row, in a smaller table.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.django_project.start import settle, start
from benchmarks.measure import Row, Scale, at_most, at_rate, compare, faster, race, timed, within
from benchmarks.titles import make_titled_log, titled
from eventfold import EventLog

EVENTS = 1_000_000
BOOKS = 100_000
SAMPLE = 20_000
LABEL = "library.BookTitled"
ROUNDS = 5


def run(folder: Path, scale: Scale) -> list[Row]:
    path = folder / "replay.db"
    start(path)
    from django.core.management import CommandError, call_command
    from django.db import connection, transaction

    from benchmarks.django_project.library.models import PlainCatalogue
    from benchmarks.django_project.library.read_models import Catalogue
    from eventfold.django.replay import replay as rebuild_alone

    events, sample = scale(EVENTS), scale(SAMPLE)
    _load_sample(sample)
    make_titled_log(path, events, scale(BOOKS), type_name=LABEL)

    def execute(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    def replay(prepare: str) -> Callable[[], float]:
        def measure() -> float:
            execute(prepare)
            settle()
            return timed(lambda: call_command("events", "replay", "library.Catalogue", verbosity=0), events)

        return measure

    def verify(prepare: str, right: bool) -> Callable[[], float]:
        def command() -> None:
            try:
                call_command("events", "verify", "library.Catalogue", verbosity=0)
            except CommandError as error:
                assert not right and f"in {Catalogue.objects.count():,} rows" in str(error), error
            else:
                assert right

        def measure() -> float:
            execute(prepare)
            settle()
            return timed(command, events)

        return measure

    def replayed_after(prepare: Callable[[EventLog], object]) -> Callable[[], float]:
        def measure() -> float:
            with EventLog(path) as log:
                prepare(log)
            return replay("SELECT 1")()

        return measure

    def lock() -> float:
        """For how many milliseconds others cannot write, where one row in a hundred differs."""
        execute("UPDATE library_catalogue SET n = n + 1 WHERE book % 100 = 0")
        settle()
        (done,) = rebuild_alone(Catalogue, "default")
        assert done.updated > 0
        return done.seconds * 1000

    def refill() -> float:
        """The same, where all rows are deleted and written again, as from a table that was filled beside."""
        execute("DROP TABLE IF EXISTS beside")
        execute("CREATE TABLE beside AS SELECT * FROM library_catalogue")
        settle()
        started = time.perf_counter()
        with transaction.atomic():
            execute("DELETE FROM library_catalogue")
            execute("INSERT INTO library_catalogue SELECT * FROM beside")
        return (time.perf_counter() - started) * 1000

    def by_orm(rebuild: Callable[[], None]) -> Callable[[], float]:
        def measure() -> float:
            execute("DELETE FROM library_plaincatalogue")
            settle()
            return timed(rebuild, sample)

        return measure

    empty, right, verified, drifted, wrong, one_by_one, in_bulk = race(
        scale.rounds(ROUNDS),
        replay("DELETE FROM library_catalogue"),
        replay("SELECT 1"),
        verify("SELECT 1", right=True),
        verify("UPDATE library_catalogue SET n = n + 1", right=False),
        replay("SELECT 1"),  # each row differs still
        by_orm(row_by_row),
        by_orm(folded_in_python),
    )
    sealed, unsealed = race(scale.rounds(ROUNDS), replayed_after(EventLog.seal), replayed_after(EventLog.unseal))
    held, refilled = race(scale.rounds(ROUNDS), lock, refill)
    assert dict(Catalogue.objects.values_list("book", "n")) == _counts(path)
    assert PlainCatalogue.objects.count() > 0
    return [
        at_rate("replay 1 M into an empty table", empty, "ORM, row by row (sample)", one_by_one, 2_000_000),
        faster("replay 1 M into an empty table", empty, "ORM, row by row (sample)", one_by_one, 50),
        compare("replay 1 M into an empty table", empty, "ORM read, dict, bulk_create (sample)", in_bulk),
        at_most("writers wait, 100 k rows, 1 % differ", held, "all rows written again", refilled, 50, unit="ms"),
        compare("replay 1 M, no row differs", right, "ORM, row by row (sample)", one_by_one),
        compare("replay 1 M, sealed, no row differs", sealed, "the same, not sealed", unsealed),
        compare("replay 1 M, each row differs", wrong, "ORM, row by row (sample)", one_by_one),
        within("verify 1 M, no row differs", verified, "replay 1 M, no row differs", right, 1.5),
        within("verify 1 M, each row differs", drifted, "replay 1 M, no row differs", right, 1.5),
    ]


def _load_sample(count: int) -> None:
    from benchmarks.django_project.library.models import Title

    Title.objects.bulk_create(Title(**event.data) for event in titled(count, count * BOOKS // EVENTS, 0))


def row_by_row() -> None:
    """As a receiver would do it for each event, so that live and rebuilt rows come from the same code."""
    from django.db.models import F
    from django.db.transaction import atomic

    from benchmarks.django_project.library.models import PlainCatalogue, Title

    with atomic():
        for event in Title.objects.order_by("pk").iterator():
            updated = PlainCatalogue.objects.filter(book=event.book).update(n=F("n") + 1, title=event.title)
            if not updated:
                PlainCatalogue.objects.create(book=event.book, n=1, title=event.title)


def folded_in_python() -> None:
    """The best that the ORM allows: read plain values, fold in a dict, write all rows at once."""
    from django.db.transaction import atomic

    from benchmarks.django_project.library.models import PlainCatalogue, Title

    counts: dict[int, int] = {}
    titles: dict[int, str] = {}
    for book, title in Title.objects.order_by("pk").values_list("book", "title").iterator():
        counts[book] = counts.get(book, 0) + 1
        titles[book] = title
    with atomic():
        PlainCatalogue.objects.bulk_create(
            PlainCatalogue(book=book, n=n, title=titles[book]) for book, n in counts.items()
        )


def _counts(path: Path) -> dict[Any, Any]:
    from eventfold import Count, EventLog

    with EventLog(path) as log:
        return {book: n for book, (n,) in log.fold("book", {"n": Count(LABEL)}).to_dict().items()}
