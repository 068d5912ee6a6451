"""The past of tracked rows."""

import datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from eventfold.django import NotRecorded, as_of, diff, history, revert
from tests.django.loans.models import Book, Library, Shelf, Untold
from tests.django.untold import without_triggers

pytestmark = pytest.mark.django_db


def positions(row):
    return [change.position for change in history(row)][::-1]


def test_history_is_newest_first():
    shelf = Shelf.objects.create(mark="a", row=1)
    shelf.row = 2
    shelf.save()
    changed, created = history(shelf)
    assert (changed.action, changed.part("old"), changed.part("new")) == ("changed", {"row": 1}, {"row": 2})
    assert created.action == "created"
    assert changed.created >= created.created
    assert changed.created.tzinfo is not None
    with pytest.raises(LookupError, match="not tracked"):
        history(Untold.objects.create(name="x"))


def test_a_row_as_it_was_at_each_position():
    book = Book.objects.create(title="Emma", price="1.50", tags=[1], isbn=None, secret="x")
    book.title, book.published = "Persuasion", datetime.date(2020, 1, 1)
    book.save()
    Book.objects.filter(pk=book.pk).update(price="2.50")
    first, second, third = positions(book)
    then = as_of(book, first)
    assert (then.pk, then.title, then.tags, then.published) == (book.pk, "Emma", [1], None)
    assert str(then.price) == "1.50"
    assert then.get_deferred_fields() == {"secret", "note"}
    assert str(as_of(book, second).price) == "1.50"
    assert str(as_of(book, third).price) == "2.50"
    assert diff(book, first, third) == {
        "title": ("Emma", "Persuasion"),
        "published": (None, datetime.date(2020, 1, 1)),
        "price": (then.price, as_of(book, third).price),
    }
    with pytest.raises(Book.DoesNotExist):
        as_of(book, first - 1)


def test_a_deleted_row_can_be_read_and_brought_back():
    shelf = Shelf.objects.create(mark="a", row=7)
    Shelf.objects.filter(mark="a").delete()
    created, deleted = positions(shelf)
    assert as_of(shelf, created).row == 7
    with pytest.raises(Shelf.DoesNotExist):
        as_of(shelf, deleted)
    revert(shelf, created)
    assert Shelf.objects.get().row == 7
    assert len(positions(shelf)) == 3


def test_a_time_tells_as_well_as_a_position():
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5)
    shelf = Shelf.objects.create(mark="a", row=1)
    after = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
    assert as_of(shelf, after).row == 1
    assert as_of(shelf, after.astimezone().replace(tzinfo=None)).row == 1
    with pytest.raises(Shelf.DoesNotExist):
        as_of(shelf, before)


def test_a_child_is_read_with_its_parent():
    library = Library.objects.create(name="Main", seats=1)
    created = max(positions(library), default=0) or history(library)[0].position
    Library.objects.update(seats=9)
    Library.objects.update(name="Central")
    then = as_of(library, created)
    assert (then.name, then.seats) == ("Main", 1)


def test_a_row_from_before_tracking_is_known_as_far_back_as_its_changes():
    without_triggers("loans_shelf", "INSERT INTO loans_shelf (mark, row) VALUES ('a', 1), ('b', 5)")
    shelf = Shelf.objects.get(mark="a")
    with pytest.raises(NotRecorded, match="nothing is recorded"):
        as_of(shelf, 1)
    for row in (2, 3):
        Shelf.objects.filter(mark="a").update(row=row)
    first, second = positions(shelf)
    assert (as_of(shelf, first).row, as_of(shelf, second).row) == (2, 3)
    with pytest.raises(NotRecorded, match="it was there before"):
        as_of(shelf, first - 1)
    Shelf.objects.filter(mark="a").delete()
    assert as_of(shelf, first).row == 2


def test_a_state_that_the_model_refuses_today_is_not_brought_back():
    shelf = Shelf.objects.create(mark="a", row=1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loans_shelf SET row = 'no number'")
        cursor.execute("UPDATE loans_shelf SET row = 2")
    wrong = positions(shelf)[1]
    with pytest.raises(ValidationError):
        revert(shelf, wrong)
    assert Shelf.objects.get().row == 2


def test_a_child_goes_back_with_its_parent():
    library = Library.objects.create(name="Main", seats=1)
    then = history(library)[0].position
    Library.objects.update(name="Central", seats=2)
    back = revert(library, then)
    assert (back.name, back.seats) == ("Main", 1)
    assert Library.objects.values_list("name", "seats").get() == ("Main", 1)
    Library.objects.all().delete()
    revert(library, then)
    assert Library.objects.values_list("name", "seats").get() == ("Main", 1)


def test_what_was_never_recorded_is_said_so():
    with pytest.raises(NotRecorded, match=r"loans\.Shelf x: nothing is recorded.*events bootstrap loans\.Shelf"):
        as_of(Shelf(mark="x"), 1)
    with pytest.raises(NotRecorded, match="nothing is recorded"):
        revert(Shelf(mark="x"), 1)
    with pytest.raises(LookupError, match="not tracked"):
        as_of(Untold(pk=1), 1)
    with pytest.raises(TypeError, match=r"within past\(when\), all of Shelf\.objects"):
        as_of(Shelf, 1)


def test_a_row_cannot_go_back_to_before_it_was_made():
    shelf = Shelf.objects.create(mark="a", row=1)
    first = history(shelf).get().position
    with pytest.raises(Shelf.DoesNotExist, match=r"loans\.Shelf a was not there at"):
        revert(shelf, first - 1)
    with pytest.raises(Shelf.DoesNotExist):
        diff(shelf, first - 1, first)
    assert history(shelf).count() == 1


def test_a_validation_that_the_model_has_refuses_before_anything_is_saved():
    Book.objects.create(title="")
    book = Book.objects.get()
    Book.objects.update(title="Emma", pages=3)
    with pytest.raises(ValidationError) as refused:
        revert(book, history(book).last().position)
    assert refused.value.message_dict == {"title": ["This field cannot be blank."]}
    assert Book.objects.values_list("title", "pages").get() == ("Emma", 3)
    assert history(book).count() == 2
