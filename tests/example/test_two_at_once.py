"""Two readers press the button at the same moment, each in a thread with a connection of its own."""

from threading import Barrier, Thread

import pytest
from django.db import connection, connections

from shelves import PASSWORD, Visitor

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10


def at_once(*actions):
    """Run the actions in as many threads, which start together, and return what they return."""
    barrier = Barrier(len(actions))
    answers = [None] * len(actions)

    def run(index, action):
        try:
            barrier.wait()
            answers[index] = action()
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_database_of_this_test_is_a_file(db):
    assert connection.settings_dict["NAME"] != ":memory:"
    assert not connection.is_in_memory_db()


def test_of_two_borrowers_at_once_one_wins_and_the_other_is_told(shelves, ann, bob):
    for number in range(ROUNDS):
        book = shelves.add(f"Letters, volume {number}")
        answers = at_once(lambda book=book: ann.does("borrow", book), lambda book=book: bob.does("borrow", book))
        won = ["is yours" in answer for answer in answers]
        told = ["Too late" in answer for answer in answers]
        assert sorted(won) == [False, True]
        assert told == [not each for each in won]
        assert shelves.borrower(book) == ("ann" if won[0] else "bob")
        assert shelves.loans(book) == 1


def test_many_readers_at_once_and_every_loan_counts(shelves, way):
    book = shelves.add("Emma")
    readers = [Visitor(way, f"reader{number}") for number in range(4)]

    def borrow_and_return(reader):
        return sum("is yours" in reader.does("borrow", book) and bool(reader.does("return", book)) for _ in range(5))

    loans = at_once(*(lambda reader=reader: borrow_and_return(reader) for reader in readers))
    assert sum(loans) >= 1  # the rest may always come too late
    assert shelves.loans(book) == sum(loans)
    assert shelves.borrower(book) is None


def test_of_two_who_register_the_same_name_one_is_told(way, db):
    def register():
        return Visitor(way).does("register", username="carl", password1=PASSWORD, password2=PASSWORD)

    answers = at_once(register, register)
    assert sorted("Welcome, carl!" in answer for answer in answers) == [False, True]
    assert sorted("already exists" in answer for answer in answers) == [False, True]
