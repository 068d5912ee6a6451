"""Writes to a tracked model of ten columns beside the same writes to one that is not: save, create, bulk_create.

The plain model's turns are taken without eventfold's execute wrapper. What that costs a model that is not tracked has a
row of its own.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.django_project.start import start
from benchmarks.measure import Row, Scale, at_most, compare, race, within
from benchmarks.shop import (
    as_dicts,
    bulk_creates,
    bytes_of_saves,
    creates,
    make_books,
    make_shelves,
    plainly,
    saves,
)

BOOKS = 1_000
BULK = 10_000
MANY = 10_000
ROUNDS = 21
BULK_ROUNDS = 7

BY_HAND = "INSERT INTO shop_handchange (book, created, data) VALUES (%s, %s, %s)"


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "track.db")
    from django.core.management import call_command

    from benchmarks.django_project.shop.models import Book, HandBook, HandChange, PeerBook, PlainBook
    from eventfold.django import events_of, track

    track(Book)
    call_command("migrate", verbosity=0)
    make_shelves()
    books, bulk, many = scale(BOOKS), scale(BULK), scale(MANY)
    events = events_of(Book)

    rounds = scale.rounds(ROUNDS)
    tracked, plain, other, by_hand = race(
        rounds,
        saves(make_books(Book, books)),
        plainly(saves(make_books(PlainBook, books))),
        saves(make_books(PeerBook, books)),
        plainly(saves(make_books(HandBook, books), save=save_by_hand(HandBook))),
    )
    assert as_dicts(Book) == as_dicts(PlainBook)
    assert events.changed.objects.count() == HandChange.objects.count() == rounds * books
    assert [event.changed_fields for event in events.changed.objects.all()[:2]] == [["title"]] * 2

    created, plain_created = race(rounds, creates(Book, books), plainly(creates(PlainBook, books)))
    bulk_created, plain_bulk = race(
        scale.rounds(BULK_ROUNDS), bulk_creates(Book, bulk), plainly(bulk_creates(PlainBook, bulk))
    )
    assert events.created.objects.count() == Book.objects.count()

    grown = bytes_of_saves(saves(list(Book.objects.order_by("pk")[:many])), many)
    by_hand_grown = bytes_of_saves(saves(make_books(HandBook, many), save=save_by_hand(HandBook)), many)
    save = "save() that changes one field of ten, tracked"
    return [
        within(save, tracked, "plain save()", plain, 1.12),
        compare("plain save(), a history row by hand", by_hand, "plain save()", plain),
        compare("save() of a model that is not tracked", other, "without eventfold", plain),
        within("create(), tracked", created, "plain create()", plain_created, 1.15),
        within("bulk_create of 10 k, tracked", bulk_created, "plain bulk_create", plain_bulk, 1.3),
        at_most(save, [grown], "a history row by hand", [by_hand_grown], 250, unit="bytes/event"),
    ]


def save_by_hand(model: Any) -> Any:
    """What an app does that keeps its own history at the least cost: it knows what it changed, and inserts by SQL."""
    from django.db import connection
    from django.utils import timezone

    titles = dict(model.objects.values_list("pk", "title"))

    def save(book: Any) -> None:
        book.save()
        data = json.dumps({"title": [titles[book.pk], book.title]})
        titles[book.pk] = book.title
        with connection.cursor() as cursor:
            cursor.execute(BY_HAND, [book.pk, timezone.now(), data])

    return save
