"""Tracked tables: every change is an event, whoever makes it."""

import datetime
import json
import sqlite3
import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, models, transaction
from django.db.models import F
from django.test.utils import isolate_apps

from eventfold import EventLog
from eventfold.django import events_of, track
from eventfold.django.connection import database_of
from tests.django.loans.models import Author, Book, BookProxy, Library, Place, Shelf, Untold
from tests.django.loans.read_models import BookList
from tests.django.project import Project

pytestmark = pytest.mark.django_db


def recorded(*models_):
    """The events of these models: (name of the type, data), in order."""
    labels = {event._meta.label for model in models_ for event in events_of(model)}
    log = EventLog.on(database_of(connection))
    return [(event.type.partition(".")[2], dict(event.data)) for event in log.read() if event.type in labels]


def names(*models_):
    return [name for name, _ in recorded(*models_)]


def test_create_save_and_delete_are_recorded_with_what_changed():
    book = Book.objects.create(title='Em"ma', pages=3)
    book.title = "Emma"
    book.save()
    book.save()  # nothing changed
    book_id = book.pk
    book.delete()
    (created, changed, deleted) = recorded(Book)
    assert created[0] == "BookCreated"
    assert created[1]["key"] == created[1]["new_id"] == book_id
    assert created[1]["new_title"] == 'Em"ma'
    assert changed == ("BookChanged", {"key": book_id, "old_title": 'Em"ma', "new_title": "Emma"})
    assert deleted[0] == "BookDeleted"
    assert deleted[1]["old_title"] == "Emma"


VALUES = {
    "title": 'Zoë \U0001f600 "quoted" \\ \n\t\x01',
    "pages": -(2**63),
    "price": Decimal("12.50"),
    "rating": 0.1,
    "available": False,
    "published": datetime.date(2020, 2, 29),
    "opens": datetime.time(9, 30, 0, 7),
    "added": datetime.datetime(2020, 1, 2, 3, 4, 5, 678, datetime.timezone.utc),
    "lent_for": datetime.timedelta(days=-3, microseconds=5),
    "tags": {"a": [1, None, "é"], "b": 1.5},
    "cover": b"\x00\xff",
    "isbn": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "created": datetime.datetime(1999, 12, 31, tzinfo=datetime.timezone.utc),
}


@pytest.mark.parametrize("field", VALUES)
def test_each_kind_of_field_comes_out_as_it_went_in(field):
    value = VALUES[field]
    Book.objects.create(**{field: value})
    event = events_of(Book).created.objects.get()
    found = getattr(event, f"new_{field}")
    assert found == value
    assert type(found) is type(value)
    assert events_of(Book).created.objects.filter(**{f"new_{field}": value}).exists() or field == "tags"


@pytest.mark.parametrize("value", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -2.5, 1e22, 123456789.123456789, 0.0])
def test_floats_are_recorded_to_the_last_bit(value):
    Book.objects.create(rating=value)
    ((_, data),) = recorded(Book)
    if connection.Database.sqlite_version_info < (3, 42) or 1e-30 < abs(value) < 1e30 or value == 0:
        assert data["new_rating"] == value
    else:
        assert data["new_rating"] == pytest.approx(value, rel=1e-14)


def test_what_json_cannot_say_never_makes_a_save_fail():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO loans_author (name) VALUES ('x')")  # of a table that is tracked through Book
        cursor.execute(
            "INSERT INTO loans_shelf (mark, row) VALUES (%s, %s), (%s, %s), (%s, 9e999)",
            ["a\0b", "no number", "blob", b"\x01\x02", "infinite"],
        )
    assert [(data["key"], data["new_row"]) for _, data in recorded(Shelf)] == [
        ("a\0b", "no number"),
        ("blob", "0102"),
        ("infinite", float("inf")),
    ]


def test_everything_that_the_orm_does_not_announce_is_recorded():
    Book.objects.bulk_create([Book(title=str(n), pages=n) for n in range(3)])
    assert names(Book) == ["BookCreated"] * 3
    Book.objects.update(pages=F("pages") + 1)
    assert [data["new_pages"] for name, data in recorded(Book) if name == "BookChanged"] == [1, 2, 3]
    books = list(Book.objects.order_by("pk"))
    books[0].title = books[1].title = "same"
    Book.objects.bulk_update(books, ["title"])
    assert names(Book)[6:] == ["BookChanged"] * 2
    Book.objects.update_or_create(title="same", pages=1, defaults={"pages": 7})
    Book.objects.filter(pages=7)._raw_delete("default")
    BookProxy.objects.create(title="by proxy")
    assert names(Book)[8:] == ["BookChanged", "BookDeleted", "BookCreated"]


def test_cascades_and_set_null_are_recorded():
    ann = User.objects.create(username="ann")
    book = Book.objects.create(title="Emma", borrowed_by=ann)
    ann.delete()
    assert recorded(Book)[-1] == (
        "BookChanged",
        {"key": book.pk, "old_borrowed_by": ann.id or recorded(Book)[0][1]["new_borrowed_by"], "new_borrowed_by": None},
    )


def test_many_to_many_fields_are_recorded_from_either_side():
    book, author = Book.objects.create(title="Emma"), Author.objects.create(name="Jane")
    through = Book.authors.through
    book.authors.add(author)
    author.book_set.clear()
    author.book_set.set([book])
    book.authors.remove(author)
    assert names(through) == [
        "Book_authorsCreated",
        "Book_authorsDeleted",
        "Book_authorsCreated",
        "Book_authorsDeleted",
    ]
    assert recorded(through)[0][1] | {"key": 0, "new_id": 0} == {
        "key": 0,
        "new_id": 0,
        "new_book": book.pk,
        "new_author": author.pk,
    }


def test_a_child_is_tracked_with_its_parent():
    library = Library.objects.create(name="Main", seats=5)
    library.name = "Central"
    library.save()
    assert names(Place, Library) == ["PlaceCreated", "LibraryCreated", "PlaceChanged"]
    library.delete()
    assert names(Place, Library)[3:] == ["LibraryDeleted", "PlaceDeleted"]


def test_excluded_fields_are_left_out_and_masked_ones_hidden():
    book = Book.objects.create(title="Emma", note="private", secret="hunter2")
    book.note = "else"
    book.save()
    book.secret = "hunter3"
    book.save()
    (_, created), (_, changed) = recorded(Book)
    assert "new_note" not in created
    assert changed == {"key": book.pk, "old_secret": "********", "new_secret": "********"}
    assert "hunter" not in json.dumps([created, changed])


def test_a_new_primary_key_ends_one_row_and_begins_another():
    Shelf.objects.create(mark="a", row=1)
    Shelf.objects.update(mark="b")
    assert recorded(Shelf)[1:] == [
        ("ShelfDeleted", {"key": "a", "old_mark": "a", "old_row": 1}),
        ("ShelfCreated", {"key": "b", "new_mark": "b", "new_row": 1}),
    ]


@pytest.mark.parametrize("clause", ["OR IGNORE", "OR REPLACE", "OR FAIL", "OR ABORT"])
def test_no_conflict_clause_swallows_or_overwrites_an_event(clause):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO loans_shelf (mark, row) VALUES ('a', 1)")
        cursor.execute(f"INSERT {clause} INTO loans_shelf (mark, row) VALUES ('b', 2), ('c', 3)")
        cursor.execute(f"UPDATE {clause} loans_shelf SET row = row + 10")
    assert len(recorded(Shelf)) == 6
    cursor = connection.cursor()
    cursor.execute("SELECT count(*), max(position) - min(position) FROM eventfold_event WHERE data LIKE '%row%'")
    assert cursor.fetchone() == (6, 5)


def test_an_upsert_is_recorded_once():
    Shelf.objects.create(mark="a", row=1)
    Shelf.objects.bulk_create([Shelf(mark="a", row=2), Shelf(mark="b", row=3)], ignore_conflicts=True)
    Shelf.objects.bulk_create(
        [Shelf(mark="a", row=4)], update_conflicts=True, unique_fields=["mark"], update_fields=["row"]
    )
    assert [(name, data["key"]) for name, data in recorded(Shelf)] == [
        ("ShelfCreated", "a"),
        ("ShelfCreated", "b"),
        ("ShelfChanged", "a"),
    ]


def test_what_is_rolled_back_is_not_recorded():
    with pytest.raises(IntegrityError), transaction.atomic():
        Shelf.objects.create(mark="a")
        Shelf.objects.create(mark="a")
    assert recorded(Shelf) == []
    Untold.objects.create(name="x")
    assert Shelf.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_another_program_is_recorded_too():
    Book.objects.create(title="Emma")
    other = sqlite3.connect(connection.settings_dict["NAME"])
    with other:
        other.execute("UPDATE loans_book SET title = 'Persuasion'")
    other.close()
    assert recorded(Book)[1][1]["new_title"] == "Persuasion"
    assert BookList.objects.get().title == "Emma"  # until the next statement of ours
    Book.objects.create(title="Sanditon")
    assert sorted(BookList.objects.values_list("title", "changes")) == [("Persuasion", 1), ("Sanditon", 0)]


@pytest.mark.django_db(transaction=True)
def test_a_read_model_is_right_before_the_statement_returns():
    book = Book.objects.create(title="Emma")  # in a transaction of its own, by INSERT ... RETURNING
    assert BookList.objects.values_list("key", "title", "changes").get() == (book.pk, "Emma", 0)
    Book.objects.filter(pk=book.pk).update(pages=5)
    assert BookList.objects.get().title == "Emma"
    assert BookList.objects.get().changes == 1
    with pytest.raises(RuntimeError), transaction.atomic():
        Book.objects.update(title="Persuasion")
        assert BookList.objects.get().title == "Persuasion"
        raise RuntimeError
    assert BookList.objects.get().title == "Emma"
    call_command("events", "replay", "loans.BookList", verbosity=0)
    assert BookList.objects.values_list("key", "title", "changes").get() == (book.pk, "Emma", 1)
    Book.objects.bulk_create([Book(title=str(n)) for n in range(5)])
    assert BookList.objects.count() == 6
    book.delete()
    assert BookList.objects.count() == 5
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO loans_shelf (mark, row) VALUES ('a', 1), ('b', 2) RETURNING mark")
        assert cursor.fetchone() == ("a",)
        assert cursor.fetchall() == [("b",)]
        cursor.execute("SELECT 1")
        assert list(cursor) == [(1,)]


def test_a_value_of_another_kind_is_null_in_a_read_model_and_fails_no_statement():
    book = Book.objects.create(title="Emma")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loans_book SET title = x'00ff'")
    assert BookList.objects.values_list("key", "changes").get() == (book.pk, 1)


def test_only_tracked_models_have_event_types():
    assert "loans.BookCreated" in {event._meta.label for event in events_of(Book)}
    with pytest.raises(LookupError, match="not tracked"):
        events_of(Untold)


def test_check_finds_a_table_without_triggers(capsys):
    with connection.cursor() as cursor:
        cursor.execute('DROP TRIGGER "eventfold_tracks_loans_shelf_created"')
    with pytest.raises(Exception, match=r"loans\.Shelf is tracked, but its table"):
        call_command("check", tags=["database"], databases=["default"])
    call_command("migrate", verbosity=0)
    call_command("check", tags=["database"], databases=["default"])
    capsys.readouterr()
    call_command("events", "status")
    assert "loans_shelf: 4 triggers" in capsys.readouterr().out


@isolate_apps("tests.django.loans")
def test_what_cannot_be_tracked_says_why():
    class Abstract(models.Model):
        class Meta:
            abstract = True
            app_label = "loans"

    class Unmanaged(models.Model):
        class Meta:
            managed = False
            app_label = "loans"

    for model, why in (
        (Abstract, "is abstract"),
        (Unmanaged, "is not managed"),
        (BookList, "read model"),
        (events_of(Book).created, "is an event"),
    ):
        with pytest.raises(ImproperlyConfigured, match=why):
            track(model)
    with pytest.raises(ImproperlyConfigured, match="in a list"):
        track(Untold, exclude="name")


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("loans.Nothing", "loans.Nothing"),
        ({"model": "loans.Untold", "exclude": ["nothing"]}, "no field nothing"),
        ({"model": "loans.Untold", "mask": ["id"]}, "primary key"),
        ({"table": "loans.Untold"}, "has labels"),
    ],
)
def test_a_wrong_setting_says_what_is_wrong(settings, entry, why):
    settings.EVENTFOLD = {"TRACK": [entry]}
    with pytest.raises(ImproperlyConfigured, match=why):
        events_of(Untold)
    del settings.EVENTFOLD
    assert connections["default"].vendor == "sqlite"


def test_what_one_model_hides_of_a_parent_is_hidden_whoever_else_derives_from_it(tmp_path):
    project = Project(tmp_path, "EVENTFOLD = {'TRACK': ['shop.Clerk', {'model': 'shop.Admin', 'mask': ['password']}]}")
    project.models(
        """
        class Person(models.Model):
            name = models.CharField(max_length=50)
            password = models.CharField(max_length=50)

        class Clerk(Person):
            pass

        class Admin(Person):
            pass
        """
    )
    hidden = """
        from shop.models import Person
        from eventfold.django.tracking.registry import tracking_of
        print(*sorted(tracking_of(Person).mask), *sorted(tracking_of(Person).exclude))
        """
    assert project.python(hidden) == "password\n"
    project.write(
        "settings.py",
        (tmp_path / "settings.py").read_text()
        + "\nEVENTFOLD = {'TRACK': ['shop.Clerk', {'model': 'shop.person', 'exclude': ['name']}]}\n",
    )
    assert project.python(hidden) == "name\n"  # however its label is written
