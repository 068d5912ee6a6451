"""The ten years that the demo makes up."""

import pytest

from demo.years import DEMO_READER, Size, make_years

SMALL = Size(books=120, readers=50, events=9_000)


@pytest.fixture(scope="module")
def years():
    return list(make_years(SMALL))


def test_the_same_seed_makes_the_same_years(years):
    assert list(make_years(SMALL)) == years
    assert list(make_years(Size(SMALL.books, SMALL.readers, SMALL.events, seed=1))) != years


def test_every_number_is_met(years):
    assert sum(map(len, years)) == SMALL.events
    assert sum(len(day.added) for day in years) == SMALL.books
    assert sum(len(day.registered) for day in years) == SMALL.readers


def test_time_goes_on_for_ten_years(years):
    dates = [day.date for day in years]
    assert dates == sorted(set(dates))
    assert 9.9 < (dates[-1] - dates[0]).days / 365.25 < 10.1


def test_no_book_is_lent_twice_and_each_is_returned_by_who_has_it(years):
    books, readers, borrower = set(), set(), {}
    for day in years:
        readers.update(day.registered)
        books.update(book.number for book in day.added)
        for loan in day.returned:
            assert borrower.pop(loan.book) == loan.reader
        for loan in day.borrowed:
            assert loan.book in books
            assert loan.reader in readers
            assert loan.book not in borrower
            borrower[loan.book] = loan.reader
    assert borrower


def test_names_and_titles_are_all_different(years):
    readers = [name for day in years for name in day.registered]
    titles = [book.title for day in years for book in day.added]
    assert len(set(readers)) == len(readers)
    assert len(set(titles)) == len(titles)
    assert readers[0] == DEMO_READER
