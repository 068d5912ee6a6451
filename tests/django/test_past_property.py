"""Whatever is done to tracked tables, their past is what they were."""

import random

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.models import F

from eventfold.django import as_of, history, past
from tests.django.loans.models import Author, Book, Library, Place, Shelf
from tests.django.museum.models import Coin, Painting, Piece, Seat
from tests.django.test_past_tables import head, temporary_tables
from tests.django.untold import without_triggers

pytestmark = pytest.mark.django_db

TABLES = [Shelf, Seat, Coin, Piece, Painting, Place, Library, Piece.artists.through, Book.authors.through]
UNKNOWN = {"alarm": None, "remarks": None}


def rows_of(model):
    """The rows of a table, without what is not recorded of them."""
    return [
        {name: UNKNOWN.get(name, value) for name, value in row.items()} for row in model.objects.order_by("pk").values()
    ]


def change_something(dice):
    """One statement or a few, on some table."""
    number = dice.randrange(6)
    match dice.randrange(12):
        case 0:
            Shelf.objects.update_or_create(mark=f"s{number}", defaults={"row": dice.randrange(100)})
        case 1:
            Shelf.objects.filter(mark=f"s{number}").delete()
        case 2:
            Shelf.objects.filter(row__gt=number * 10).update(row=F("row") - 7)
        case 3:
            Seat.objects.bulk_create([Seat(row=number, mark=dice.choice("ab"))], ignore_conflicts=True)
            Seat.objects.filter(row=number).update(taken=dice.random() < 0.5)
        case 4:
            Seat.objects.filter(row=number).delete()
        case 5:
            Coin.objects.update_or_create(worth=f"{number}.5", defaults={"count": dice.randrange(9)})
            Coin.objects.filter(worth=f"{number - 1}.50").update(worth=f"{number + 7}.25")  # another key
        case 6:
            made = dice.choice([Piece, Painting])
            made.objects.create(name=f"p{dice.random()}", part_of=Piece.objects.order_by("?").first())
        case 7:
            Piece.objects.filter(weight__lt=number).update(weight=F("weight") + 0.1)
        case 8:
            piece = Piece.objects.order_by("name").first()
            if piece is not None:
                piece.artists.set(author_ids(dice))
        case 9:
            piece = Piece.objects.order_by("-name").first()
            if piece is not None:
                piece.delete()  # and what is part of it
        case 10:
            Library.objects.create(name=f"l{number}", seats=number)
        case 11:
            Library.objects.filter(seats=number).delete()
            Place.objects.filter(name=f"l{number - 1}").update(code=None, name="renamed")


def author_ids(dice):
    from tests.django.museum.models import Artist

    while Artist.objects.count() < 3:
        Artist.objects.create(name="x")
    return dice.sample(list(Artist.objects.all()), dice.randrange(3))


@pytest.mark.parametrize("seed", range(5))
def test_past_as_of_and_verify_agree_with_what_was(seed):
    dice = random.Random(seed)
    Author.objects.create(name="Jane")
    moments = {}
    for _ in range(60):
        if dice.random() < 0.1:
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                change_something(dice)
                raise ZeroDivisionError
        change_something(dice)
        moments[head()] = {model: rows_of(model) for model in TABLES}
    call_command("events", "verify", verbosity=0)
    for position in dice.sample(sorted(moments), min(12, len(moments))):
        with past(position):
            for model in TABLES:
                assert rows_of(model) == moments[position][model], (position, model)
        for model in (Shelf, Piece):
            rows = {row[model._meta.pk.name]: row for row in moments[position][model]}
            for key in set(history(model).values_list("key", flat=True)):
                if key not in rows:
                    with pytest.raises(model.DoesNotExist):
                        as_of(model(pk=key), position)
                    continue
                then = as_of(model(pk=key), position)
                known = {name: value for name, value in rows[key].items() if name in then.__dict__}
                assert len(known) >= 2
                assert known == {name: value for name, value in then.__dict__.items() if name != "_state"}


@pytest.mark.parametrize("seed", range(3))
def test_rows_from_before_tracking_come_back_as_far_as_they_are_known(seed):
    dice = random.Random(seed)
    for number in range(6):
        without_triggers("loans_shelf", "INSERT INTO loans_shelf (mark, row) VALUES (%s, %s)", f"s{number}", number)
    Shelf.objects.update(row=F("row") + 100)  # from here on all are known
    moments = {head(): rows_of(Shelf)}
    for _ in range(30):
        change_something(dice)
        moments[head()] = rows_of(Shelf)
    for position, rows in moments.items():
        with past(position):
            assert rows_of(Shelf) == rows, position
    call_command("events", "verify", "loans.Shelf", repair=True, verbosity=0)
    call_command("events", "verify", "loans.Shelf", verbosity=0)
    for position, rows in moments.items():
        with past(position):
            assert rows_of(Shelf) == rows, position
    assert temporary_tables() == []
