"""A native call asks what a cursor would have asked, and leaves the traces that a cursor would have left."""

import asyncio
import logging
import threading
import unittest
from unittest import mock

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, OperationalError, ProgrammingError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import SimpleTestCase, TestCase
from django.test.utils import CaptureQueriesContext

from eventfold import _core
from eventfold.django.connection import database_of
from eventfold.django.gate import native
from eventfold.errors import LogNotFound
from tests.django.books.events import BookAdded, BookBorrowed, BookRemoved


def borrow():
    return BookBorrowed.objects.create(book=7, borrowed_by="ann")


@pytest.mark.django_db
class TestQueries:
    def test_an_append_is_one_query(self, django_assert_num_queries):
        with django_assert_num_queries(1) as captured:
            borrow()
        assert captured[0]["sql"].startswith('INSERT INTO "eventfold_event"')
        assert "books.BookBorrowed" in captured[0]["sql"]

    @pytest.mark.django_db(transaction=True)
    def test_an_append_without_a_transaction_is_one_query(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            borrow()

    def test_a_bulk_append_is_one_query(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            BookBorrowed.objects.bulk_create([BookBorrowed(book=n, borrowed_by="ann") for n in range(1000)])

    def test_the_first_append_of_a_connection_is_one_query_too(self, django_assert_num_queries):
        connection.__dict__.pop("_eventfold", None)
        with django_assert_num_queries(1):
            borrow()

    def test_a_failed_append_counts_too(self):
        with CaptureQueriesContext(connection) as captured, pytest.raises(LogNotFound):
            native(connection, "INSERT", _raise_log_not_found)
        assert len(captured) == 1

    def test_the_query_log_has_a_time_and_goes_to_the_logger(self, settings, caplog):
        settings.DEBUG = True
        connection.queries_log.clear()
        with caplog.at_level(logging.DEBUG, "django.db.backends"):
            borrow()
        (query,) = connection.queries
        assert float(query["time"]) >= 0
        (record,) = caplog.records
        assert record.alias == "default"
        assert record.sql == query["sql"]
        assert "BookBorrowed" in record.getMessage()

    def test_execute_wrappers_see_the_append_and_may_stop_it(self):
        seen = []

        def watch(execute, sql, params, many, context):
            seen.append((sql, params, many, context["connection"], context["cursor"]))
            return execute(sql, params, many, context)

        def stop(execute, sql, params, many, context):
            raise PermissionError("read only")

        with connection.execute_wrapper(watch):
            borrow()
        ((sql, params, many, seen_connection, cursor),) = seen
        assert sql.startswith("INSERT INTO")
        assert (params, many, seen_connection) == (None, False, connection)
        assert cursor.db is connections["default"]
        with connection.execute_wrapper(stop), pytest.raises(PermissionError):
            borrow()
        assert BookBorrowed.objects.count() == 1

    def test_wrappers_are_called_in_the_order_of_a_cursors(self):
        order = []

        def wrapper(name):
            def wrap(execute, sql, params, many, context):
                order.append(name)
                return execute(sql, params, many, context)

            return wrap

        with connection.execute_wrapper(wrapper("outer")), connection.execute_wrapper(wrapper("inner")):
            borrow()
            appended = list(order)
            order.clear()
            BookBorrowed.objects.count()
        assert appended == order


@pytest.mark.django_db
def test_a_broken_transaction_is_refused_as_django_refuses_it():
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            borrow()
        transaction.set_rollback(False)
    assert BookBorrowed.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_closed_connection_is_opened_again():
    borrow()
    first = database_of(connection)
    connection.close()
    borrow()
    assert first.closed or first.way == "dbapi"
    assert database_of(connection) is not first
    assert BookBorrowed.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_connection_closed_within_a_transaction_is_refused_as_django_refuses_it():
    with pytest.raises(ProgrammingError, match="closed database"), transaction.atomic():
        borrow()
        connection.close()
        borrow()
    assert BookBorrowed.objects.count() == 0


@pytest.mark.django_db(databases=["default", "memory"])
def test_another_thread_is_refused_as_django_refuses_it(alias):
    own = connections[alias]
    BookBorrowed.objects.using(alias).create(book=7, borrowed_by="ann")
    failure = []

    def append():
        connections[alias] = own
        try:
            BookBorrowed.objects.using(alias).create(book=8, borrowed_by="ann")
        except DatabaseError as error:
            failure.append(str(error))

    thread = threading.Thread(target=append)
    thread.start()
    thread.join()
    assert "can only be used in that same thread" in failure[0]
    own.inc_thread_sharing()
    try:
        failure.clear()
        thread = threading.Thread(target=append)
        thread.start()
        thread.join()
    finally:
        own.dec_thread_sharing()
    assert not failure
    assert BookBorrowed.objects.using(alias).count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_async_context_is_refused_as_django_refuses_it(monkeypatch):
    async def append():
        borrow()
        connection.close()  # it has one of its own

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(append())
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    asyncio.run(append())
    assert BookBorrowed.objects.count() == 1


def _run(case):
    result = unittest.TestResult()
    unittest.TestSuite([case]).run(result)
    return [message for _, message in result.errors + result.failures]


@pytest.mark.django_db(databases=["default", "memory"])
def test_a_test_case_without_the_database_may_not_append():
    connections["memory"].ensure_connection()  # so that only the cursor is guarded

    class Simple(SimpleTestCase):
        def test(self):
            borrow()

    class OneAlias(TestCase):
        databases = frozenset({"default"})

        def test(self):
            borrow()
            BookBorrowed.objects.using("memory").create(book=7, borrowed_by="ann")

    (message,) = _run(Simple("test"))
    assert "Database queries to 'default' are not allowed" in message or "connections to 'default'" in message
    (message,) = _run(OneAlias("test"))
    assert "Database queries to 'memory' are not allowed" in message
    assert not BookBorrowed.objects.using("memory").exists()


@pytest.mark.django_db
def test_whoever_replaces_cursor_is_asked():
    with mock.patch.object(connection, "cursor", side_effect=PermissionError), pytest.raises(PermissionError):
        borrow()
    refuse = mock.patch.object(BaseDatabaseWrapper, "ensure_connection", side_effect=PermissionError)
    with refuse, pytest.raises(PermissionError):
        borrow()


@pytest.mark.django_db(transaction=True)
def test_without_autocommit_the_append_waits_for_commit():
    BookAdded.objects.create(book=1, title="Emma")
    connection.set_autocommit(False)
    try:
        borrow()
        connection.rollback()
        assert BookBorrowed.objects.count() == 0
        connection.rollback()
        borrow()
        connection.commit()
        connection.rollback()
    finally:
        connection.set_autocommit(True)
    assert BookBorrowed.objects.count() == 1


def _raise_log_not_found(log):
    raise LogNotFound("no log")


@pytest.mark.django_db
def test_an_error_is_ours_and_djangos():
    with pytest.raises(LogNotFound) as caught:
        native(connection, "INSERT", _raise_log_not_found)
    assert isinstance(caught.value, OperationalError)
    assert str(caught.value) == "no log"


@pytest.mark.django_db
def test_an_error_of_the_database_breaks_no_transaction():
    with transaction.atomic():
        with pytest.raises(LogNotFound):
            native(connection, "INSERT", _raise_log_not_found)
        borrow()
    assert BookBorrowed.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_the_database_gave_up_is_marked_broken():
    def lose(log):
        connection.connection.execute("ROLLBACK")
        raise LogNotFound("no log")

    with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
        with pytest.raises(LogNotFound):
            native(connection, "INSERT", lose)
        BookRemoved.objects.create(book=7)
    assert not BookRemoved.objects.exists()


@pytest.mark.django_db
def test_other_native_operations_go_through_the_same_gate(django_assert_num_queries):
    event = borrow()
    with django_assert_num_queries(1):
        assert native(connection, "SELECT head", _core.Log.head) == event.position
