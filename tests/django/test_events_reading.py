"""Reading events with Django's query language, through the view of their type."""

from datetime import datetime, timedelta, timezone

import pytest
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.core.serializers import serialize
from django.db.models import Avg, Count, Exists, F, Max, OuterRef, Q, Subquery, Window
from django.db.models.functions import RowNumber, TruncDate, Upper
from django.forms import modelform_factory

from tests.django.books.events import BookAdded, BookBorrowed, BookRated, BookReturned

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def loans():
    names = ["ann", "bob", "cid"]
    BookAdded.objects.bulk_create([BookAdded(book=n, title=f"Title {n}") for n in range(4)])
    return BookBorrowed.objects.bulk_create(
        [BookBorrowed(book=n % 4, borrowed_by=names[n % 3]) for n in range(12)],
    )


def test_filters(loans):
    books = BookBorrowed.objects
    assert books.filter(book=1).count() == 3
    assert books.exclude(book=1).count() == 9
    assert books.filter(Q(book=1) | Q(borrowed_by="ann")).count() == 6
    assert books.filter(borrowed_by__startswith="a", book__in=[0, 1]).count() == 2
    assert books.filter(book__gt=F("book")).count() == 0
    assert books.filter(borrowed_by__in=["ann", "nobody"]).exists()
    assert not books.filter(borrowed_by="nobody").exists()
    assert books.get(pk=loans[5].pk) == loans[5]
    with pytest.raises(BookBorrowed.DoesNotExist):
        books.get(book=99)
    with pytest.raises(BookBorrowed.MultipleObjectsReturned):
        books.get(book=1)


def test_order_slices_and_ends(loans):
    books = BookBorrowed.objects
    assert list(books.order_by("position")) == loans
    assert list(books.order_by("-position")[:2]) == [loans[11], loans[10]]
    assert books.order_by("-book", "position").first() == loans[3]
    assert (books.first(), books.last(), books.latest("position")) == (loans[0], loans[11], loans[11])
    assert list(books.order_by("position").reverse()[2:4]) == [loans[9], loans[8]]


def test_values_and_aggregates():
    books = BookBorrowed.objects
    assert set(books.values_list("borrowed_by", flat=True)) == {"ann", "bob", "cid"}
    assert books.values("book").annotate(n=Count("position")).order_by("book")[0] == {"book": 0, "n": 3}
    assert books.aggregate(Max("book"), Avg("book")) == {"book__max": 3, "book__avg": 1.5}
    assert books.values("borrowed_by").distinct().count() == 3
    assert books.annotate(upper=Upper("borrowed_by")).filter(upper="ANN").count() == 4
    numbered = books.annotate(nth=Window(RowNumber(), partition_by="book", order_by="position"))
    assert sorted(event.nth for event in numbered) == [1] * 4 + [2] * 4 + [3] * 4


def test_in_bulk_iterator_and_pages(loans):
    books = BookBorrowed.objects.order_by("position")
    assert books.in_bulk([loans[0].pk, loans[1].pk]) == {loans[0].pk: loans[0], loans[1].pk: loans[1]}
    assert list(books.iterator(chunk_size=5)) == loans
    pages = Paginator(books, 5)
    assert [len(page) for page in pages] == [5, 5, 2]
    assert pages.page(3).object_list[0] == loans[10]


def test_lookups_on_created_are_in_the_current_time_zone():
    created = BookBorrowed.objects.last().created
    local = created.astimezone()
    books = BookBorrowed.objects
    assert books.filter(created=created).count() == 12
    assert books.filter(created__year=local.year, created__month=local.month).count() == 12
    assert (
        books.filter(created__gte=created - timedelta(hours=1), created__lt=created + timedelta(hours=1)).count() == 12
    )
    assert books.filter(created__date=datetime(2000, 1, 1, tzinfo=timezone.utc)).count() == 0
    assert list(books.dates("created", "year")) == [
        books.annotate(day=TruncDate("created"))[0].day.replace(month=1, day=1)
    ]


def test_joins_are_subqueries():
    title = BookAdded.objects.filter(book=OuterRef("book")).values("title")[:1]
    assert BookBorrowed.objects.annotate(title=Subquery(title)).filter(title="Title 2").count() == 3
    BookReturned.objects.create(book=1)
    returned = BookReturned.objects.filter(book=OuterRef("book"), position__gt=OuterRef("position"))
    assert BookBorrowed.objects.filter(Exists(returned)).count() == 3
    assert BookBorrowed.objects.filter(book__in=BookReturned.objects.values("book")).count() == 3
    both = BookBorrowed.objects.values_list("book").union(BookReturned.objects.values_list("book"))
    assert sorted(both) == [(0,), (1,), (2,), (3,)]


def test_combined_query_sets():
    one, two = BookBorrowed.objects.filter(book=1), BookBorrowed.objects.filter(book=2)
    assert (one | two).count() == 6
    assert one.union(two).count() == 6
    assert (one & two).count() == 0


def test_the_admin_lists_events(client):
    client.force_login(User.objects.create_superuser("admin"))
    page = client.get("/admin/books/bookborrowed/?q=ann")
    assert page.status_code == 200
    assert page.content.count(b'class="field-borrowed_by">ann') == 4
    position = BookBorrowed.objects.first().pk
    assert client.get(f"/admin/books/bookborrowed/{position}/change/").status_code == 200


def test_only_a_permission_to_view_is_made():
    from django.contrib.auth.models import Permission

    names = Permission.objects.filter(content_type__app_label="books", content_type__model="bookborrowed")
    assert list(names.values_list("codename", flat=True)) == ["view_bookborrowed"]


def test_a_model_form_appends():
    form_class = modelform_factory(BookRated, fields=["book", "stars", "rated_by", "comment"])
    assert form_class({"book": 7, "stars": 1, "rated_by": "ann"}).errors == {"comment": ["Say why."]}
    form = form_class({"book": 7, "stars": 2, "rated_by": "ann"})
    assert form.is_valid()
    assert form.save().position == BookRated.objects.get().position


def test_serializers_read_events(loans):
    text = serialize("json", BookBorrowed.objects.order_by("position")[:1])
    assert '"borrowed_by": "ann"' in text
    assert f'"pk": {loans[0].pk}' in text
