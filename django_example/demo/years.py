"""Ten years of a library, made up day by day from a seed: the same seed gives the same years.

The loans are consistent: a book that is out is lent to nobody else, it is returned by the reader who has it, and
readers and books are there before they take part.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from demo.words import make_name, make_title

DEMO_READER = "ann"
_MOST_BOOKS_AT_ONCE = 12
_MONTHS = [1.15, 1.05, 1.1, 1.0, 0.95, 0.85, 0.7, 0.75, 1.0, 1.1, 1.2, 1.0]
_WEEKDAYS = [0.9, 0.95, 1.0, 0.9, 1.1, 1.6, 0.0]  # closed on Sundays
_CLOSED = {(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)}


@dataclass(frozen=True)
class Size:
    """How large a library: each number is met exactly."""

    books: int = 5_000
    readers: int = 2_000
    events: int = 1_000_000
    first_day: date = date(2015, 1, 2)
    last_day: date = date(2024, 12, 30)  # about: when the events are all there
    seed: int = 1848


class Book(NamedTuple):
    number: int
    title: str
    author: str


class Loan(NamedTuple):
    book: int
    reader: str


@dataclass
class Day:
    """What happened on one day, in this order."""

    date: date
    registered: list[str] = field(default_factory=list)
    added: list[Book] = field(default_factory=list)
    returned: list[Loan] = field(default_factory=list)
    borrowed: list[Loan] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.registered) + len(self.added) + len(self.returned) + len(self.borrowed)


def make_years(size: Size) -> Iterator[Day]:
    """Yield day after day until there are `size.events` events."""
    random = Random(size.seed)
    readers = _make_readers(random, size.readers)
    books = _make_books(random, size.books)
    book_weights = [1 / (random.randrange(size.books) + 60) ** 0.75 for _ in books]
    reader_weights = [random.expovariate(1) + 0.1 for _ in readers]
    reader_weights[0] = 4 * max(1, sum(reader_weights[1:]) / size.readers)  # the demo reader reads a lot

    opening = list(_opening_days(size))
    total = sum(weight for _, weight in opening)
    lendings = (size.events - size.books - size.readers) / 2
    borrower: dict[int, str] = {}
    has: defaultdict[str, int] = defaultdict(int)
    due: defaultdict[int, list[Loan]] = defaultdict(list)
    left = size.events
    passed = lent = registered = added = 0.0
    number = 0
    while left:
        if number < len(opening):
            today, weight = opening[number]
        else:  # a few weeks more, until all is done
            today, weight = _next_opening(today), total / len(opening)
        passed += weight
        share = min(1.0, passed / total)
        # 40 percent of the readers and 70 of the books are there on the first day.
        day = Day(
            today,
            registered=readers[round(registered) : (registered := round(size.readers * (0.4 + 0.6 * share)))],
            added=books[round(added) : (added := round(size.books * (0.7 + 0.3 * share)))],
        )
        if day.registered or day.added or number == 0:
            reader_sums = list(accumulate(reader_weights[: int(registered)]))
            book_sums = list(accumulate(book_weights[: int(added)]))
        left -= len(day)
        for loan in due.pop(number, ())[:left]:
            day.returned.append(loan)
            del borrower[loan.book]
            has[loan.reader] -= 1
        left -= len(day.returned)

        wanted = min(left, round(lendings * passed / total) - round(lent))
        lent += wanted
        tries = 0
        while len(day.borrowed) < wanted and tries < 40:
            tries += 1
            missing = wanted - len(day.borrowed)
            takers = random.choices(readers[: len(reader_sums)], cum_weights=reader_sums, k=2 * missing)
            wishes = random.choices(books[: len(book_sums)], cum_weights=book_sums, k=2 * missing)
            for (book, _, _), reader in zip(wishes, takers, strict=True):
                if book in borrower or has[reader] >= _MOST_BOOKS_AT_ONCE:
                    continue
                loan = Loan(book, reader)
                borrower[book] = reader
                has[reader] += 1
                due[number + 1 + int(random.triangular(0, 24, 6))].append(loan)
                day.borrowed.append(loan)
                if len(day.borrowed) == wanted:
                    break
        left -= len(day.borrowed)
        number += 1
        if day:
            yield day


def _make_readers(random: Random, count: int) -> list[str]:
    names = {DEMO_READER: None}  # in order
    while len(names) < count:
        name = make_name(random).lower().replace(" ", ".")
        names.setdefault(name if name not in names else f"{name}{random.randrange(2, 100)}")
    return list(names)


def _make_books(random: Random, count: int) -> list[Book]:
    authors = [make_name(random) for _ in range(max(1, count // 6))]
    titles: dict[str, None] = {}
    while len(titles) < count:
        titles.setdefault(make_title(random))
    return [Book(number, title, random.choice(authors)) for number, title in enumerate(titles, 1)]


def _opening_days(size: Size) -> Iterator[tuple[date, float]]:
    """The days on which the library is open, and how busy each of them is."""
    day = size.first_day
    years = (size.last_day - size.first_day).days / 365.25
    while day <= size.last_day:
        busy = _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1]
        if busy and (day.month, day.day) not in _CLOSED:
            yield day, busy * (0.85 + 0.3 * (day - size.first_day).days / 365.25 / years)
        day += timedelta(days=1)


def _next_opening(day: date) -> date:
    day += timedelta(days=1)
    while not _WEEKDAYS[day.weekday()] or (day.month, day.day) in _CLOSED:
        day += timedelta(days=1)
    return day
