"""Who and why: metadata of events, those of triggers too."""

import asyncio
import contextvars
import sqlite3
import threading
import uuid
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path

from eventfold import EventLog
from eventfold.django import history, metadata
from eventfold.django.connection import database_of
from eventfold.django.metadata_context import current_metadata, found_when_needed
from eventfold.django.middleware import MetadataMiddleware
from eventfold.errors import InvalidEvent
from tests.django.books.events import BookBorrowed
from tests.django.loans.models import Book, Shelf

pytestmark = pytest.mark.django_db

MIDDLEWARE = [
    "eventfold.django.middleware.MetadataMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


def write(request):
    Shelf.objects.create(mark=request.GET["mark"])
    BookBorrowed.objects.create(book=1, borrowed_by="x")
    return HttpResponse(str(current_metadata()))


async def awrite(request):
    await Shelf.objects.acreate(mark=request.GET["mark"])
    await asyncio.sleep(0.01)
    await BookBorrowed.objects.acreate(book=1, borrowed_by="x")
    return HttpResponse()


def read(request):
    return HttpResponse(str(Shelf.objects.count()))


urlpatterns = [path("write/", write), path("awrite/", awrite), path("read/", read)]


def recorded():
    return [
        (event.type, event.metadata)
        for event in EventLog.on(database_of(connection)).read()
        if event.type in ("loans.ShelfCreated", "loans.ShelfChanged", "books.BookBorrowed")
    ]


def test_it_reaches_events_of_triggers_and_those_that_are_appended():
    with metadata(user="ann", reason="tidying"):
        shelf = Shelf.objects.create(mark="a")
        BookBorrowed.objects.create(book=1, borrowed_by="x")
        BookBorrowed.objects.bulk_create([BookBorrowed(book=1, borrowed_by="x")] * 1)
    Shelf.objects.update(row=5)
    said = {"user": "ann", "reason": "tidying"}
    assert recorded() == [
        ("loans.ShelfCreated", said),
        ("books.BookBorrowed", said),
        ("books.BookBorrowed", said),
        ("loans.ShelfChanged", None),
    ]
    assert [change.metadata for change in history(shelf)] == [{}, said]


def test_blocks_nest_and_what_an_event_says_itself_goes_before():
    with metadata(user="ann", reason="x"):
        with metadata(reason="y"):
            Shelf.objects.create(mark="a")
        BookBorrowed.objects.create(book=1, borrowed_by="x", recorded={"metadata": {"user": "bob"}})
    assert [said for _, said in recorded()] == [{"user": "ann", "reason": "y"}, {"user": "bob", "reason": "x"}]
    assert current_metadata() == {}


def test_a_rollback_does_not_end_it():
    with metadata(user="ann"):
        with pytest.raises(RuntimeError), transaction.atomic():
            Shelf.objects.create(mark="a")
            raise RuntimeError
        Shelf.objects.create(mark="b")
    assert recorded() == [("loans.ShelfCreated", {"user": "ann"})]


@pytest.mark.parametrize("clause", ["", "OR IGNORE", "OR REPLACE", "OR FAIL"])
def test_no_conflict_clause_harms_it(clause):
    with metadata(user="ann"), connection.cursor() as cursor:
        cursor.execute(f"INSERT {clause} INTO loans_shelf (mark, row) VALUES ('a', 1), ('b', 2)")
    assert recorded() == [("loans.ShelfCreated", {"user": "ann"})] * 2


def test_what_json_cannot_say_is_refused_at_once():
    with pytest.raises(InvalidEvent), metadata(when=float("nan")):
        pass
    with pytest.raises(InvalidEvent), metadata(who=object()):
        pass


def test_a_repeated_request_may_have_other_metadata():
    for user in ("ann", "bob"):
        with metadata(user=user):
            BookBorrowed.objects.idempotent("once").bulk_create([BookBorrowed(book=1, borrowed_by="x")])
    assert recorded() == [("books.BookBorrowed", {"user": "ann"})]


@pytest.mark.django_db(transaction=True)
def test_other_programs_and_threads_have_none_of_it():
    Shelf.objects.create(mark="z")
    with metadata(user="ann"):
        other = sqlite3.connect(connection.settings_dict["NAME"])
        with other:
            other.execute("UPDATE loans_shelf SET row = 1")
        other.close()

        def in_a_thread():
            Shelf.objects.update(row=2)
            connection.close()

        thread = threading.Thread(target=in_a_thread)
        thread.start()
        thread.join()
        Shelf.objects.update(row=3)
    assert [said for _, said in recorded()] == [None, None, None, {"user": "ann"}]


@override_settings(MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=__name__)
def test_a_request_is_recorded_with_its_user_id_and_path():
    client = Client()
    client.force_login(User.objects.create(username="ann"))
    client.get("/write/", {"mark": "a"}, headers={"X-Request-ID": "r-1"})
    said = {"user": "ann", "request_id": "r-1", "path": "/write/"}
    assert recorded() == [("loans.ShelfCreated", said), ("books.BookBorrowed", said)]
    Client().get("/write/", {"mark": "b"})
    anonymous = recorded()[2][1]
    assert anonymous.keys() == {"request_id", "path"}
    assert len(anonymous["request_id"]) == 32
    Shelf.objects.update(row=1)
    assert [said for _, said in recorded()[4:]] == [None, None]


@override_settings(MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=__name__)
def test_a_request_that_records_nothing_does_not_ask_who_it_is(django_assert_num_queries):
    client = Client()
    client.force_login(User.objects.create(username="ann"))
    with django_assert_num_queries(1):
        client.get("/read/")


@override_settings(MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=__name__)
def test_what_a_client_says_makes_no_write_fail():
    Client().get("/write/", {"mark": "a"}, headers={"X-Request-ID": "\0\udcff" + "x" * 1000})
    assert len(recorded()[0][1]["request_id"]) <= 200


@pytest.mark.django_db(transaction=True)
@override_settings(MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=__name__)
def test_asynchronous_requests_at_once_do_not_mix():
    users = [User.objects.create(username=f"user{n}") for n in range(4)]

    async def all_at_once():
        clients = []
        for user in users:
            client = AsyncClient()
            await sync_to_async(client.force_login)(user)
            clients.append(client)
        await asyncio.gather(
            *(
                client.get("/awrite/", {"mark": user.username}, headers={"X-Request-ID": user.username})
                for client, user in zip(clients, users, strict=True)
            )
        )

    asyncio.run(all_at_once())
    found = recorded()
    assert len(found) == 8
    assert all(said["user"] == said["request_id"] for _, said in found)
    assert sorted(said["user"] for _, said in found) == sorted([user.username for user in users] * 2)


def test_the_timeline_of_the_command_has_it(capsys):
    with metadata(user="ann"):
        Shelf.objects.create(mark="a")
    call_command("events", "show", "--type", "loans.ShelfCreated")
    assert '{"user":"ann"}' in capsys.readouterr().out


def test_nothing_is_said_of_tables_without_a_log():
    with metadata(user="ann"):
        Book.objects.using("default").none()
    assert current_metadata() == {}


def test_it_reaches_what_is_written_while_rows_are_read():
    Shelf.objects.bulk_create([Shelf(mark=mark) for mark in "abc"])
    with metadata(user="ann"), connection.cursor() as cursor:
        cursor.execute("SELECT mark FROM loans_shelf ORDER BY mark")
        while row := cursor.fetchone():
            Shelf.objects.filter(mark=row[0]).update(row=1)
    assert [said for _, said in recorded()[3:]] == [{"user": "ann"}] * 3


@pytest.mark.parametrize("name", [uuid.UUID(int=7), 7, "nul\0half\udcff"], ids=["uuid", "number", "unsayable"])
def test_a_user_whose_name_is_not_a_text_that_json_can_say_makes_no_write_fail(name):
    request = RequestFactory().get("/")
    request.user = SimpleNamespace(is_authenticated=True, get_username=lambda: name)

    def respond(request):
        Shelf.objects.create(mark="a")
        return HttpResponse()

    MetadataMiddleware(respond)(request)
    assert recorded()[0][1]["user"] == str(name).replace("\0", "").replace("\udcff", "?")


def test_threads_that_work_for_one_request_find_it_out_at_once():
    asked, go_on = threading.Event(), threading.Event()

    def find():
        if threading.current_thread() is not threading.main_thread():
            asked.set()
            assert go_on.wait(10)
        return {"user": "ann"}

    found = []
    with found_when_needed(find):
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: context.run(lambda: found.append(current_metadata())))
        thread.start()
        assert asked.wait(10)
        found.append(current_metadata())
        go_on.set()
        thread.join()
    assert found == [{"user": "ann"}] * 2
