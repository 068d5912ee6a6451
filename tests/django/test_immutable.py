"""A recorded event can be neither changed nor deleted, whatever way is tried."""

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, connection, models, transaction
from django.db.models.deletion import Collector
from django.test.utils import isolate_apps

from eventfold.django import Event
from eventfold.errors import ImmutableEvent
from tests.django.books.events import BookBorrowed

pytestmark = pytest.mark.django_db


@pytest.fixture
def event():
    return BookBorrowed.objects.create(book=7, borrowed_by="ann")


@pytest.fixture(autouse=True)
def nothing_changed(event):
    yield
    row = BookBorrowed.objects.values_list("position", "book", "borrowed_by").get()
    assert row == (event.position, 7, "ann")


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.save(force_insert=True),
        lambda event: event.save(force_update=True),
        lambda event: event.save(update_fields=["borrowed_by"]),
        lambda event: event.save(using="memory"),
        lambda event: event.save_base(),
        lambda event: models.Model.save(event),
        lambda event: models.Model.save_base(event),
        lambda event: event.delete(),
    ],
)
def test_a_recorded_event_is_not_saved_again_or_deleted(event, change):
    for recorded in (event, BookBorrowed.objects.get()):
        recorded.borrowed_by = "bob"
        # Model.save_base() itself breaks the transaction whenever it fails
        with pytest.raises(ImmutableEvent, match=r"books\.BookBorrowed.*Append a"), transaction.atomic():
            change(recorded)


@pytest.mark.parametrize(
    "change",
    [
        lambda queryset, event: queryset.update(borrowed_by="bob"),
        lambda queryset, event: queryset.filter(book=0).update(borrowed_by="bob"),
        lambda queryset, event: queryset.update(),
        lambda queryset, event: queryset.delete(),
        lambda queryset, event: queryset.none().delete(),
        lambda queryset, event: queryset.bulk_update([event], ["borrowed_by"]),
        lambda queryset, event: queryset.update_or_create(book=7, defaults={"borrowed_by": "bob"}),
        lambda queryset, event: queryset.update_or_create(book=8, defaults={"borrowed_by": "bob"}),
        lambda queryset, event: queryset._update([]),
        lambda queryset, event: queryset._raw_delete("default"),
        lambda queryset, event: queryset._insert([event], BookBorrowed._meta.fields, using="default"),
        lambda queryset, event: queryset.bulk_create([event]),
    ],
)
@pytest.mark.parametrize("manager", ["objects", "_base_manager", "_default_manager"])
def test_query_sets_refuse(event, manager, change):
    with pytest.raises(ImmutableEvent, match=r"books\.BookBorrowed"):
        change(getattr(BookBorrowed, manager).all(), event)


def test_the_refusal_breaks_no_transaction(event):
    with transaction.atomic():
        with pytest.raises(ImmutableEvent):
            event.save()
        with pytest.raises(ImmutableEvent):
            BookBorrowed.objects.all().delete()
        assert BookBorrowed.objects.count() == 1


def test_the_collector_that_deletes_for_django_refuses(event):
    collector = Collector(using="default", origin=event)
    with pytest.raises((ImmutableEvent, DatabaseError)), transaction.atomic():
        collector.collect([event])
        collector.delete()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE books_bookborrowed SET borrowed_by = 'bob'",
        "DELETE FROM books_bookborrowed",
        "INSERT INTO books_bookborrowed (book, borrowed_by) VALUES (8, 'bob')",
        "UPDATE eventfold_event SET data = '{}'",
        "DELETE FROM eventfold_event",
        "REPLACE INTO eventfold_event SELECT * FROM eventfold_event",
        "INSERT OR REPLACE INTO eventfold_event SELECT * FROM eventfold_event",
        "UPDATE OR REPLACE eventfold_event SET position = position",
    ],
)
def test_the_database_refuses_raw_sql(sql):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.asave(),
        lambda event: event.adelete(),
        lambda event: BookBorrowed.objects.aupdate(borrowed_by="bob"),
        lambda event: BookBorrowed.objects.all().adelete(),
        lambda event: BookBorrowed.objects.aupdate_or_create(book=7),
        lambda event: BookBorrowed.objects.abulk_update([], ["book"]),
    ],
)
def test_async_methods_refuse_too(event, change):
    async def call():
        await change(event)

    with pytest.raises(ImmutableEvent):
        async_to_sync(call)()


class PlainQuerySet(models.QuerySet):
    def of_book(self, book):
        return self.filter(book=book)


class OwnManager(models.Manager):
    def get_queryset(self):
        return PlainQuerySet(self.model, using=self._db).exclude(book=0)


@isolate_apps("tests.django.books")
def test_managers_of_any_kind_append_and_refuse(event):
    class Tenanted(models.Model):
        tenants = models.Manager.from_queryset(PlainQuerySet)()

        class Meta:
            abstract = True

    class Borrowed(Tenanted, Event):
        book = models.BigIntegerField()
        borrowed_by = models.CharField()

        own = OwnManager()
        plain = models.Manager()
        built = PlainQuerySet.as_manager()

        class Meta:
            app_label = "books"
            db_table = "books_bookborrowed"

    assert [manager.name for manager in Borrowed._meta.managers] == ["own", "plain", "built", "tenants", "objects"]
    assert Borrowed._default_manager.name == "own"
    assert Borrowed.own.all().of_book(7).get().borrowed_by == "ann"
    assert Borrowed.built.of_book(7).get().borrowed_by == "ann"
    assert Borrowed.tenants.of_book(7).get().borrowed_by == "ann"
    for manager in (*Borrowed._meta.managers, Borrowed._base_manager):
        for change in ("update", "delete"):
            with pytest.raises(ImmutableEvent):
                getattr(manager.all(), change)()
        with pytest.raises(ImmutableEvent):
            manager.update_or_create(book=7)
        assert manager.idempotent("key").all()._request == "key"


@isolate_apps("tests.django.books")
def test_a_manager_that_filters_hides_nothing_from_refresh_from_db(event):
    class Nobody(models.Manager):
        def get_queryset(self):
            return super().get_queryset().none()

    class Borrowed(Event):
        book = models.BigIntegerField()
        borrowed_by = models.CharField()
        objects = Nobody()

        class Meta:
            app_label = "books"
            db_table = "books_bookborrowed"

    found = Borrowed._base_manager.get()
    assert Borrowed.objects.count() == 0
    found.refresh_from_db()
    assert found.borrowed_by == "ann"
