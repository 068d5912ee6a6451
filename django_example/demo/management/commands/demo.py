"""`manage.py demo`: fill the library with ten years of loans, and say how long each part takes."""

import gc
import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

import eventfold
from demo import plain
from demo.report import Report, Timing
from demo.years import DEMO_READER, Day, Size, make_years
from library import commands
from library.events import BookAdded, BookBorrowed, BookReturned, ReaderRegistered
from library.read_models import BookList
from traditional import commands as traditional_commands
from traditional.models import Book

PASSWORD = "ten-years-of-loans"
LIBRARIAN = "librarian"


class Command(BaseCommand):
    help = "Fill the library with ten years of loans, and say how long each part takes."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--replace", action="store_true", help="Remove the library that is there.")
        for name in ("books", "readers", "events", "seed"):
            parser.add_argument(f"--{name}", type=int, default=getattr(Size, name), metavar="N")
        parser.add_argument(
            "--sample", type=int, default=50_000, metavar="N", help="Events that plain Django is tried on; 0: none."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        size = Size(**{name: options[name] for name in ("books", "readers", "events", "seed")})
        self.report = Report(self.stdout, self.style)
        settings.DEBUG = False  # with it, Django keeps the text of every query
        self._introduce(size)
        _make_database(options["replace"])

        self.report.head("With eventfold", "events", "seconds", "µs each", "events/s")
        days = self._make_years(size)
        appended = self._append(days, size)
        replayed = self._replay(size)
        if options["sample"]:
            self._compare(days, options["sample"], replayed)
        self._finish(days, appended)

    def _introduce(self, size: Size) -> None:
        self.report.say(self.style.MIGRATE_HEADING("Ten years of a library"))
        self.report.say(
            f"  {size.books:,} books, {size.readers:,} readers, {size.events:,} events; made up, from seed {size.seed}"
        )
        self.report.say(
            f"  eventfold {eventfold.__version__}, Django {django.__version__}, Python {platform.python_version()}, "
            f"SQLite {sqlite3.sqlite_version} (WAL, synchronous NORMAL), {os.cpu_count()} processors"
        )

    def _make_years(self, size: Size) -> list[Day]:
        timing = Timing(size.events)
        with timing.running():
            days = list(make_years(size))
        gc.freeze()  # they stay until the end, so nobody need look for garbage in them
        self.report.timed("make the loans up (no database)", timing)
        return days

    def _append(self, days: list[Day], size: Size) -> Timing:
        timing = Timing(size.events)
        with timing.running():
            for month in by_month(days):
                with transaction.atomic():
                    for day in month:
                        append_day(day)
        self.report.timed("append: bulk_create day by day, BookList folded inline", timing)
        _check_list(days)
        return timing

    def _replay(self, size: Size) -> Timing:
        before = list(BookList.objects.order_by("pk").values())
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM library_booklist")  # what a mishap might do; the ORM would refuse it
        timing = Timing(size.events)
        with timing.running():
            call_command("events", "replay", "library.BookList", verbosity=0)
        if list(BookList.objects.order_by("pk").values()) != before:
            raise CommandError("The replayed BookList is not what it was before.")
        self.report.timed("events replay library.BookList, all rows lost", timing)
        return timing

    def _compare(self, days: list[Day], sample: int, replayed: Timing) -> None:
        with _another_database():
            loans = _first_events(days, sample)
            events = sum(map(len, loans))
            times = {name: Timing(events) for name in ("ours", "ours_bare", "theirs", "theirs_bare", "theirs_rebuilt")}
            BookAdded.objects.bulk_create(_additions(days))
            plain.LoanList.objects.bulk_create(plain.LoanList(book=book.number) for day in days for book in day.added)
            for month in by_month(loans):
                with times["ours"].running(), transaction.atomic():
                    for day in month:
                        append_day(day)
                with times["ours_bare"].running(), transaction.atomic():
                    for day in month:
                        _append_like_events(day)
                with times["theirs_bare"].running(), transaction.atomic():
                    records = [record for day in month for record in _append_plainly(day)]
                with times["theirs"].running(), transaction.atomic():
                    for record in records:
                        plain.keep_list(record)
            times["theirs"].seconds += times["theirs_bare"].seconds
            with times["theirs_rebuilt"].running():
                plain.rebuild_list()
            single = _borrow_one_by_one(days, min(2_000, sample // 2))

        self.report.head("The same by plain Django", "eventfold", "plain Django", "ratio")
        self.report.say(f"  on a sample: the first {events:,} loans and returns, in a new database; µs an event")
        self.report.compared("append: bulk_create day by day, no list kept", times["ours_bare"], times["theirs_bare"])
        self.report.compared("append, and keep the list: update() for each event", times["ours"], times["theirs"])
        self.report.compared("make the list anew (eventfold: from the whole log)", replayed, times["theirs_rebuilt"])
        self.report.compared(f"borrow or return, {single[0].events:,} times, as the two sites do", *single)
        fold = times["ours"].each - times["ours_bare"].each
        self.report.say(f"  The inline fold of BookList is about {max(fold, 0):.1f} µs an event of eventfold's append.")
        self.report.say("  The traditional site keeps no events at all: it overwrites one row.")

    def _finish(self, days: list[Day], appended: Timing) -> None:
        _make_users(days)
        _make_traditional_books()
        path = Path(settings.DATABASES["default"]["NAME"])
        manage = os.path.relpath(settings.BASE_DIR / "manage.py")
        on_loan = BookList.objects.exclude(borrowed_by=None).count()
        self.report.say()
        self.report.say(self.style.SUCCESS(f"The library is ready: {path.name}, {_bytes(path) / 1e6:,.0f} MB"))
        self.report.say(
            f"  {days[0].date:%d %B %Y} to {days[-1].date:%d %B %Y}; on loan at the end: {on_loan:,} of "
            f"{BookList.objects.count():,} books"
        )
        self.report.say()
        self.report.say(f"  Start the site:  make serve   (or: python {manage} runserver)")
        self.report.say("  Look at it:      http://127.0.0.1:8000/")
        self.report.say(f"  Log in as:       {DEMO_READER}         password: {PASSWORD}")
        self.report.say(f"  For /admin/:     {LIBRARIAN}   password: {PASSWORD}")


def by_month(days: list[Day]) -> Iterator[list[Day]]:
    """Each month's days, which make one transaction."""
    for _, month in groupby(days, lambda day: (day.date.year, day.date.month)):
        yield list(month)


def append_day(day: Day) -> None:
    """Record what happened on a day, in this order."""
    if day.registered:
        ReaderRegistered.objects.bulk_create(ReaderRegistered(reader=name, day=day.date) for name in day.registered)
    if day.added:
        BookAdded.objects.bulk_create(_additions([day]))
    if day.returned:
        BookReturned.objects.bulk_create(
            BookReturned(book=loan.book, returned_by=loan.reader, day=day.date) for loan in day.returned
        )
    if day.borrowed:
        BookBorrowed.objects.bulk_create(
            BookBorrowed(book=loan.book, borrowed_by=loan.reader, day=day.date) for loan in day.borrowed
        )


def _additions(days: list[Day]) -> Iterator[BookAdded]:
    for day in days:
        for book in day.added:
            yield BookAdded(book=book.number, title=book.title, author=book.author, day=day.date)


def _append_like_events(day: Day) -> None:
    """As many events of about the same size, in the same batches, of a type that no read model reads."""
    for loans in (day.returned, day.borrowed):
        if loans:
            ReaderRegistered.objects.bulk_create(ReaderRegistered(reader=loan.reader, day=day.date) for loan in loans)


def _append_plainly(day: Day) -> list[plain.LoanRecord]:
    return [
        record
        for kind, loans in ((plain.RETURNED, day.returned), (plain.BORROWED, day.borrowed))
        for record in plain.LoanRecord.objects.bulk_create(
            plain.LoanRecord(kind=kind, book=loan.book, reader=loan.reader, day=day.date) for loan in loans
        )
    ]


def _first_events(days: list[Day], wanted: int) -> list[Day]:
    """The first days' loans and returns, up to about so many."""
    found: list[Day] = []
    for day in days:
        if wanted <= 0:
            break
        found.append(Day(day.date, returned=day.returned, borrowed=day.borrowed))
        wanted -= len(found[-1])
    return found


def _borrow_one_by_one(days: list[Day], count: int) -> tuple[Timing, Timing]:
    """A reader borrows and returns book after book, as the views do it: each in a transaction of its own."""
    reader = User.objects.create(username=DEMO_READER)
    books = [book for day in days for book in day.added][: max(1, count // 2)]
    Book.objects.bulk_create(Book(pk=book.number, title=book.title, author=book.author) for book in books)
    BookReturned.objects.bulk_create(BookReturned(book=book.number, returned_by="the staff") for book in books)
    ours, theirs = Timing(2 * len(books)), Timing(2 * len(books))
    for book in books:
        with ours.running():
            commands.borrow(book.number, reader.username)
            commands.return_(book.number, reader.username)
        with theirs.running():
            traditional_commands.borrow(book.number, reader)
            traditional_commands.return_(book.number, reader)
    return ours, theirs


def _check_list(days: list[Day]) -> None:
    """The read model must say what the loans say that were made up."""
    expected = {book.number: [book.title, 0, None] for day in days for book in day.added}
    for day in days:
        for loan in day.returned:
            expected[loan.book][2] = None
        for loan in day.borrowed:
            expected[loan.book][1] += 1
            expected[loan.book][2] = loan.reader
    rows = BookList.objects.values_list("book", "title", "borrow_count", "borrowed_by")
    if {book: row for book, *row in rows} != expected:
        raise CommandError("BookList does not say what happened.")


def _make_users(days: list[Day]) -> None:
    """Accounts of all readers; but for one, nobody can log in to them."""
    readers = [name for day in days for name in day.registered]
    known = make_password(PASSWORD)
    User.objects.bulk_create(
        User(username=name, password=known if name == DEMO_READER else make_password(None)) for name in readers
    )
    User.objects.create(username=LIBRARIAN, password=known, is_staff=True, is_superuser=True)


def _make_traditional_books() -> None:
    """The other app's rows say the same as BookList."""
    users = dict(User.objects.values_list("username", "pk"))
    rows = BookList.objects.order_by("pk")
    Book.objects.bulk_create(
        Book(
            pk=row.book,
            title=row.title,
            author=row.author,
            borrow_count=row.borrow_count,
            borrowed_by_id=users.get(row.borrowed_by),
            borrowed_on=row.borrowed_on,
        )
        for row in rows
    )


def _give_memory() -> None:
    """Room for the pages that a month changes, so that each is written once. For all that is timed."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size = -65536")  # KiB


def _make_database(replace: bool) -> None:
    path = Path(settings.DATABASES["default"]["NAME"])
    if path.exists():
        if not replace:
            raise CommandError(f"{path} is there already: --replace removes it and makes the library anew.")
        connection.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    call_command("migrate", verbosity=0)
    _give_memory()


@contextmanager
def _another_database() -> Iterator[None]:
    """Within it, the default database is a new one beside it, which is thrown away."""
    name = connection.settings_dict["NAME"]
    with tempfile.TemporaryDirectory(dir=Path(name).parent, prefix="sample-") as folder:
        connection.close()
        connection.settings_dict["NAME"] = Path(folder) / "sample.sqlite3"  # as Django's test runner does
        try:
            call_command("migrate", verbosity=0)
            plain.make_tables()
            _give_memory()
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = name


def _bytes(path: Path) -> int:
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))
