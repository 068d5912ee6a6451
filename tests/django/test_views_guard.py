"""An insert, update or delete that reaches a view by any way but ours raises; none is lost in silence."""

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.state import ModelState, ProjectState

from tests.django.books.events import BookAdded
from tests.django.books.models import Shelf

pytestmark = pytest.mark.django_db

COLUMNS = "INTO books_bookadded (created, book, title) VALUES ('2020-01-01 00:00:00', 8, 'x')"
STATEMENTS = [
    f"INSERT {COLUMNS}",
    f"INSERT {COLUMNS} RETURNING position",
    f"INSERT OR IGNORE {COLUMNS}",
    f"INSERT OR IGNORE {COLUMNS} RETURNING position",
    f"INSERT OR REPLACE {COLUMNS}",
    f"REPLACE {COLUMNS}",
    f"INSERT OR FAIL {COLUMNS}",
    "INSERT INTO books_bookadded (position, book) SELECT position, book FROM books_bookadded",
    "UPDATE books_bookadded SET title = 'x'",
    "UPDATE OR IGNORE books_bookadded SET title = 'x'",
    "UPDATE OR REPLACE books_bookadded SET position = position + 1",
    "DELETE FROM books_bookadded",
    "DELETE FROM books_bookadded WHERE book = 7",
]


@pytest.fixture
def event():
    return BookAdded.objects.create(book=7, title="Emma")


def assert_unchanged():
    assert list(BookAdded.objects.values_list("book", "title")) == [(7, "Emma")]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_sql(event, statement):
    refused = pytest.raises(IntegrityError, match=r"eventfold: (append a|a recorded) books\.BookAdded")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.fetchall()
    assert_unchanged()


def test_a_trigger_of_another_table(event):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER on_shelf AFTER INSERT ON books_shelf BEGIN "
            "INSERT INTO books_bookadded (book, title) VALUES (new.id, new.name); END"
        )
    for attempt in (
        lambda: Shelf.objects.create(name="a"),
        lambda: Shelf.objects.bulk_create([Shelf(name="a")], ignore_conflicts=True),
    ):
        with pytest.raises(IntegrityError, match="eventfold: append a"), transaction.atomic():
            attempt()
    assert_unchanged()
    assert Shelf.objects.count() == 0


def historical(model):
    """The model as a migration has it: no base class, Django's own manager."""
    state = ProjectState()
    state.add_model(ModelState.from_model(model))
    return state.apps.get_model(model._meta.app_label, model._meta.model_name)


def test_a_historical_model(event):
    old = historical(BookAdded)
    assert type(old._default_manager) is models.Manager
    assert [row.title for row in old.objects.all()] == ["Emma"]
    for attempt in (
        lambda: old.objects.create(book=8, title="x"),
        lambda: old(book=8, title="x").save(),
        lambda: old.objects.bulk_create([old(book=8, title="x")]),
        lambda: old.objects.bulk_create([old(book=8, title="x")], ignore_conflicts=True),
        lambda: old._base_manager.bulk_create([old(book=8, title="x")]),
        lambda: old.objects.update(title="x"),
        lambda: old.objects.all().delete(),
        lambda: old.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(IntegrityError, match="eventfold: "), transaction.atomic():
            attempt()
    assert_unchanged()
