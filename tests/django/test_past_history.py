"""`history()` is a query set."""

import datetime
import pickle
import uuid

import pytest
from django.core.paginator import Paginator
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.views.generic import ListView

from eventfold.django import Change, events_of, history
from eventfold.django.tracking.changes import change_model
from eventfold.errors import ImmutableEvent
from tests.django.loans.models import Author, Book, Library, Place, Shelf, Untold
from tests.django.museum.models import Coin, Piece, Seat

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf():
    shelf = Shelf.objects.create(mark="a", row=1)
    Shelf.objects.create(mark="b", row=9)
    for row in (2, 3):
        shelf.row = row
        shelf.save()
    return shelf


def test_it_is_filtered_counted_and_cut_by_the_database(shelf):
    changes = history(shelf)
    assert isinstance(changes, models.QuerySet)
    assert (changes.count(), len(changes), changes.exists()) == (3, 3, True)
    assert changes.first().new == {"row": 3}
    assert changes.last().action == "created"
    assert [change.old["row"] for change in changes.filter(action="changed")] == [2, 1]
    middle = changes[1]
    assert changes.filter(position__lt=middle.position).get().action == "created"
    assert changes.filter(created__lte=changes[2].created).order_by("position").first().action == "created"
    assert changes.filter(created__year=datetime.datetime.now().year).count() == 3
    assert changes.filter(data__new_row=2).get() == middle
    assert list(changes.values_list("action", flat=True)) == ["changed", "changed", "created"]
    assert changes.exclude(action="created").aggregate(models.Max("position"))["position__max"] == changes[0].position
    assert [change.position for change in changes[:2]] == [change.position for change in changes][:2]
    with CaptureQueriesContext(connection) as queries:
        list(changes.all()[:2])
    assert len(queries) == 1


def test_the_history_of_a_model_has_every_row(shelf):
    assert [(change.key, change.action) for change in history(Shelf)] == [
        ("a", "changed"),
        ("a", "changed"),
        ("b", "created"),
        ("a", "created"),
    ]
    assert history(Shelf).filter(key="b").count() == 1
    assert dict(history(Shelf).values_list("key").annotate(n=models.Count("position")).order_by()) == {"a": 3, "b": 1}
    assert history(Shelf).filter(key__in=Shelf.objects.filter(row=9).values("mark")).count() == 1
    assert Shelf.objects.filter(mark__in=history(Shelf).filter(action="changed").values("key")).get() == shelf
    with pytest.raises(LookupError, match="not tracked"):
        history(Untold)


def test_a_paginator_and_a_list_view_take_it(shelf, rf):
    page = Paginator(history(shelf), 2).page(2)
    assert [change.action for change in page] == ["created"]
    view = ListView.as_view(queryset=history(Shelf), paginate_by=3, template_name="registration/logged_out.html")
    response = view(rf.get("/"))
    assert [change.key for change in response.context_data["object_list"]] == ["a", "a", "b"]


def test_old_and_new_are_values_of_python():
    book = Book.objects.create(title="Emma", price="1.50", published=datetime.date(2020, 1, 2), secret="x")
    author = Author.objects.create(name="Jane")
    book.authors.add(author)
    Book.objects.filter(pk=book.pk).update(isbn=uuid.UUID(int=7), secret="y", price=None, note="not recorded")
    changed, created = history(book)
    assert isinstance(changed, Change)
    assert changed.key == book.pk
    assert changed.new == {"isbn": uuid.UUID(int=7), "secret": "********", "price": None}
    assert str(changed.old["price"]) == "1.50"
    assert created.new["published"] == datetime.date(2020, 1, 2)
    assert changed.created.tzinfo is not None and changed.metadata == {}
    assert changed.part("new")["isbn"] == str(uuid.UUID(int=7))
    through = history(Book.authors.through).get()
    assert (through.new["book"], through.new["author"]) == (book.pk, author.pk)


def test_a_row_of_a_child_has_what_happened_to_its_parent():
    Place.objects.create(name="no library")
    library = Library.objects.create(name="Main", seats=1)
    Library.objects.filter(pk=library.pk).update(name="Central")
    Library.objects.filter(pk=library.pk).update(seats=2)
    expected = [
        ("loans.Library", {"seats": 2}),
        ("loans.Place", {"name": "Central"}),
    ]
    assert [(change.label, change.new) for change in history(library)[:2]] == expected
    assert [(change.label, change.new) for change in history(Library)[:2]] == expected
    assert history(library).count() == history(Library).count() == 4
    assert history(Place).count() == 3


def test_nothing_in_it_can_be_changed(shelf):
    changes = history(shelf)
    for attempt in (
        changes.delete,
        lambda: changes.update(action="x"),
        lambda: changes.create(position=1),
        changes[0].save,
        changes[0].delete,
        changes._raw_delete,
    ):
        with pytest.raises(ImmutableEvent):
            attempt()
    assert changes.count() == 3


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (Seat(row=1, mark='é"'), {"taken": True}),
        (Piece(name="Vase"), {"weight": 2.5}),
        (Coin(worth="1.50"), {"count": 3}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_keys_of_every_kind_find_their_row(row, change):
    row.save(force_insert=True)
    type(row).objects.update(**change)
    changed, created = history(row)
    assert (changed.new, created.action) == (change, "created")
    assert history(type(row)).count() == 2


def test_asking_for_it_makes_no_event_type_anew():
    change_model.cache_clear()
    before = events_of(Book)
    history(Book)
    assert events_of(Book) is before


def test_a_change_can_be_kept_and_loaded_again(shelf):
    change = history(shelf)[0]
    kept = pickle.loads(pickle.dumps(change))
    assert (kept, kept.new, kept.created) == (change, change.new, change.created)
    partly = history(shelf).defer("data").first()
    assert partly.new == change.new
    partly.refresh_from_db()
    assert partly == change
    counted = models.Subquery(
        history(Shelf)
        .filter(key=models.OuterRef("pk"))
        .order_by()
        .values("key")
        .annotate(n=models.Count("*"))
        .values("n")
    )
    assert dict(Shelf.objects.annotate(changes=counted).values_list("mark", "changes")) == {"a": 3, "b": 1}
