"""Appending and reading from async code."""

import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connections
from django.db.models import Max
from django.db.models.signals import pre_save
from django.test import AsyncClient

from eventfold.errors import ImmutableEvent
from tests.django.books.events import BookAdded, BookBorrowed


@pytest.fixture(autouse=True)
def close_connections():
    """async_to_sync runs database code in this thread, but asyncio.run would leave connections behind."""
    yield
    for own in connections.all(initialized_only=True):
        if not own.in_atomic_block:
            own.close()


@pytest.mark.django_db(databases=["default", "memory"])
def test_each_way_of_appending_has_an_async_twin(alias):
    async def program():
        books = BookBorrowed.objects.using(alias)
        first = await books.acreate(book=1, borrowed_by="ann")
        second, made = await books.aget_or_create(book=2, defaults={"borrowed_by": "bob"})
        assert made
        same, made = await books.aget_or_create(book=2)
        assert (same, made) == (second, False)
        (third,) = await books.abulk_create([BookBorrowed(book=3, borrowed_by="cid")])
        fourth = BookBorrowed(book=4, borrowed_by="dan")
        await fourth.asave(using=alias)
        again = await books.idempotent("key").acreate(book=5, borrowed_by="eve")
        assert await books.idempotent("key").acreate(book=5, borrowed_by="eve") == again
        assert [event async for event in books.order_by("position")] == [first, second, third, fourth, again]
        assert await books.acount() == 5
        assert (await books.aget(book=3)).borrowed_by == "cid"
        await third.arefresh_from_db()
        assert await books.aaggregate(number=Max("book")) == {"number": 5}
        with pytest.raises(ImmutableEvent):
            await third.asave()

    async_to_sync(program)()


@pytest.mark.django_db
def test_receivers_run_for_async_appends():
    seen = []

    def receiver(instance, **kwargs):
        seen.append(instance.book)

    async def program():
        await BookAdded.objects.acreate(book=1, title="Emma")

    pre_save.connect(receiver, sender=BookAdded)
    try:
        async_to_sync(program)()
    finally:
        pre_save.disconnect(receiver, sender=BookAdded)
    assert seen == [1]


@pytest.mark.django_db
def test_an_async_view_appends():
    async def program():
        return await AsyncClient().get("/aborrow/7/")

    response = async_to_sync(program)()
    assert response.status_code == 200
    assert BookBorrowed.objects.get().position == int(response.content)


@pytest.mark.django_db(transaction=True)
def test_tasks_that_append_at_the_same_time_lose_nothing():
    async def program():
        await asyncio.gather(*(BookBorrowed.objects.acreate(book=n, borrowed_by="ann") for n in range(20)))

    async_to_sync(program)()
    found = BookBorrowed.objects.order_by("position")
    assert sorted(found.values_list("book", flat=True)) == list(range(20))


@pytest.mark.django_db(transaction=True)
def test_threads_that_append_at_the_same_time_lose_nothing():
    def append(number):
        for n in range(10):
            BookBorrowed.objects.create(book=100 * number + n, borrowed_by="ann")
        connections.close_all()

    async def program():
        await asyncio.gather(*(sync_to_async(append, thread_sensitive=False)(number) for number in range(4)))

    async_to_sync(program)()
    books = [100 * number + n for number in range(4) for n in range(10)]
    assert sorted(BookBorrowed.objects.values_list("book", flat=True)) == books
    for number in range(4):
        own = BookBorrowed.objects.filter(book__gte=100 * number, book__lt=100 * number + 100).order_by("position")
        assert list(own.values_list("book", flat=True)) == [100 * number + n for n in range(10)]
