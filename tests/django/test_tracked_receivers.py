"""Receivers of the events of tracked models."""

import sqlite3
from contextlib import suppress

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models.signals import post_save, pre_save

from eventfold.django import events_of
from eventfold.django.declared import declared_model
from eventfold.django.tracking import listeners
from eventfold.errors import LogNotFound
from tests.django.loans.models import Book, Shelf, Untold

pytestmark = pytest.mark.django_db


@pytest.fixture
def connect():
    """Connect a receiver for the length of a test."""
    connected = []

    def connect(signal, receiver, **kwargs):
        signal.connect(receiver, **kwargs)
        connected.append((signal, receiver, kwargs))

    yield connect
    listeners.wait_no_longer()  # else a disconnect by label waits for a class that no registry has
    for signal, receiver, kwargs in connected:
        if isinstance(kwargs.get("sender"), str):
            kwargs["sender"] = declared_model(kwargs["sender"])
        signal.disconnect(receiver, **kwargs)


def test_they_hear_of_every_change_whoever_makes_it(connect):
    heard = []

    def note(sender, instance, **kwargs):
        heard.append((sender._meta.label, instance.key, instance.new_title, instance.position > 0, kwargs["created"]))

    connect(post_save, note, sender=events_of(Book).changed)
    connect(post_save, note, sender=events_of(Book).created)
    book = Book.objects.create(title="Emma")
    Book.objects.update(title="Persuasion")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loans_book SET title = 'Sanditon'")
    assert heard == [
        ("loans.BookCreated", book.pk, "Emma", True, True),
        ("loans.BookChanged", book.pk, "Persuasion", True, True),
        ("loans.BookChanged", book.pk, "Sanditon", True, True),
    ]


def test_a_label_tells_the_sender_too(connect):
    heard = []

    def note(sender, instance, **kwargs):
        heard.append(instance.new_row)

    connect(post_save, note, sender="loans.ShelfChanged")
    Shelf.objects.create(mark="a", row=1)
    Shelf.objects.update(row=2)
    assert heard == [2]


def test_a_veto_takes_the_write_back(connect):
    def refuse(instance, **kwargs):
        raise ValidationError("not today")

    connect(pre_save, refuse, sender=events_of(Shelf).deleted)
    Shelf.objects.create(mark="a")
    with pytest.raises(ValidationError, match="not today"), transaction.atomic():
        Shelf.objects.all().delete()
    assert Shelf.objects.count() == 1


def test_receivers_of_every_class_do_not_hear_them(connect):
    heard = []

    def note(sender, **kwargs):
        heard.append(sender._meta.label)

    def own(sender, **kwargs):
        heard.append(f"own {sender._meta.label}")

    connect(post_save, note)
    Shelf.objects.create(mark="a")
    connect(post_save, own, sender=events_of(Shelf).created)
    Shelf.objects.create(mark="b")
    assert heard == ["loans.Shelf", "own loans.ShelfCreated", "loans.Shelf"]


@pytest.mark.django_db(transaction=True)
def test_what_another_program_did_is_heard_with_the_next_write(connect):
    heard = []

    def note(instance, **kwargs):
        heard.append(instance.new_row)

    connect(post_save, note, sender=events_of(Shelf).changed)
    Shelf.objects.create(mark="a", row=0)
    other = sqlite3.connect(connection.settings_dict["NAME"])
    with other:
        other.execute("UPDATE loans_shelf SET row = 7")
    other.close()
    assert heard == []
    Untold.objects.create(name="x")
    Untold.objects.create(name="y")
    assert heard == [7]


def test_what_a_receiver_raises_is_raised_whatever_it_is(connect):
    def fail(instance, **kwargs):
        raise LogNotFound("of another database")

    connect(post_save, fail, sender=events_of(Shelf).created)
    with pytest.raises(LogNotFound, match="of another database"), transaction.atomic():
        Shelf.objects.create(mark="a")
    assert Shelf.objects.count() == 0


def test_they_hear_of_what_comes_after_a_receiver_took_something_back(connect):
    heard = []

    def note(instance, **kwargs):
        heard.append(instance.key)
        if instance.key == "a":
            Shelf.objects.create(mark="b")
            with suppress(KeyError), transaction.atomic():
                Shelf.objects.create(mark="taken back")
                raise KeyError
        elif instance.key == "b":
            Shelf.objects.create(mark="c")

    connect(post_save, note, sender=events_of(Shelf).created)
    Shelf.objects.create(mark="a")
    assert heard == ["a", "b", "c"]
