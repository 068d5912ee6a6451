"""What cannot be recorded is refused by an error that names it and says what to do; nothing is half written."""

import sqlite3
import warnings
from contextlib import closing, contextmanager

import pytest
from django.db import OperationalError, connection, connections, models, transaction
from django.test.utils import isolate_apps

from eventfold import EventLog, _core, errors
from eventfold.django import Event
from eventfold.django.event_views import ensure_log, sync_view
from eventfold.django.gate import native
from eventfold.errors import ConcurrencyError, InvalidEvent, LogLocked, LogNotFound, ReadOnlyLog
from tests.django.books.events import AllFields, BookAdded, BookBorrowed
from tests.django.books.models import Shelf

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("text", "a\0b", "NUL"),
        ("char", "\ud800", "surrogate"),
        ("real", float("nan"), "NaN"),
        ("real", float("inf"), "infinity|NaN"),
        ("real", float("-inf"), "infinity|NaN"),
        ("json", {"a": float("nan")}, "NaN"),
        ("json", ["\ud800"], "surrogate"),
        ("json", {"a\0": 1}, "NUL"),
        ("text", "x" * (10 << 20), "4 MiB"),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_a_value_that_the_log_cannot_keep_is_refused(field, value, named, many):
    events = [AllFields(), AllFields(**{field: value})]
    with pytest.raises(InvalidEvent, match=named) as caught:
        if many:
            AllFields.objects.bulk_create(events)
        else:
            events[1].save()
    assert "books.AllFields" in str(caught.value)
    assert field in str(caught.value) or named == "4 MiB"
    assert not AllFields.objects.exists()
    AllFields.objects.create()


def test_metadata_that_json_cannot_say_is_refused():
    with pytest.raises(InvalidEvent):
        BookBorrowed.objects.create(book=7, borrowed_by="ann", recorded={"metadata": {"a": float("nan")}})
    with pytest.raises(InvalidEvent, match="dict"):
        BookBorrowed.objects.create(book=7, borrowed_by="ann", recorded={"metadata": ["ann"]})
    assert not BookBorrowed.objects.exists()


@isolate_apps("tests.django.books")
def test_a_stream_that_needs_a_null_field_is_refused():
    class Moved(Event):
        shelf = models.IntegerField(null=True)

        class Stream:
            name = "shelf-{shelf}"

        class Meta:
            app_label = "books"

    sync_view(connection, Moved)
    with pytest.raises(InvalidEvent, match=r"books\.Moved.*shelf, which is null"):
        Moved.objects.create()
    Moved.objects.create(shelf=1)


@isolate_apps("tests.django.books")
def test_a_type_that_is_not_migrated_yet_is_refused():
    class Unknown(Event):
        class Meta:
            app_label = "books"

    for append in (Unknown.objects.create, Unknown().save, lambda: Unknown.objects.bulk_create([Unknown()])):
        with pytest.raises(errors.UnknownEventType, match=r"books\.Unknown.*makemigrations") as caught:
            append()
        assert isinstance(caught.value, OperationalError)
    sync_view(connection, Unknown)
    Unknown.objects.create()


@isolate_apps("tests.django.books")
def test_a_class_that_ran_ahead_of_its_view_is_warned_of_once_for_each_connection():
    class BookReturned(Event):
        book = models.BigIntegerField()
        late = models.BooleanField(default=False)

        class Meta:
            app_label = "books"

    with pytest.warns(RuntimeWarning, match=r"books\.BookReturned.*does not fit"):
        BookReturned.objects.create(book=7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BookReturned.objects.create(book=7)


def test_a_negative_limit_is_refused():
    with pytest.raises(InvalidEvent, match="limit"):
        native(connection, "SELECT", _core.Log.read, limit=-1)


@contextmanager
def another_file(name):
    """Let the default connection use another database file."""
    own = connections["default"]
    before = own.settings_dict["NAME"]
    own.close()
    own.settings_dict["NAME"] = name
    try:
        yield
    finally:
        own.close()
        own.settings_dict["NAME"] = before


@pytest.mark.django_db(transaction=True)
def test_a_database_without_the_log_says_so(tmp_path):
    with another_file(tmp_path / "empty.sqlite3"), pytest.raises(LogNotFound, match="migrate") as caught:
        BookBorrowed.objects.create(book=7, borrowed_by="ann")
    assert isinstance(caught.value, OperationalError)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_opened_to_read_says_so(tmp_path):
    path = tmp_path / "log.sqlite3"
    with another_file(path):
        ensure_log(connections["default"])
        sync_view(connections["default"], BookBorrowed)
    with another_file(f"file:{path}?mode=ro"), pytest.raises(ReadOnlyLog) as caught:
        BookBorrowed.objects.create(book=7, borrowed_by="ann")
    assert isinstance(caught.value, OperationalError)
    with EventLog(path) as log:
        assert log.head() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["append", "receivers", "get_or_create"])
def test_a_database_that_stays_locked_says_so(monkeypatch, how):
    own = connections["default"]
    own.ensure_connection()
    own.connection.execute("PRAGMA busy_timeout = 50")
    if how == "receivers":
        monkeypatch.setattr("eventfold.django.save.has_receivers", lambda cls: True)
    with closing(sqlite3.connect(own.settings_dict["NAME"])) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogLocked, match="time-out") as caught:
            if how == "get_or_create":
                BookBorrowed.objects.get_or_create(book=7, borrowed_by="ann")
            else:
                BookBorrowed.objects.create(book=7, borrowed_by="ann")
        assert isinstance(caught.value, OperationalError)
        other.rollback()
    BookBorrowed.objects.create(book=7, borrowed_by="ann")
    assert BookBorrowed.objects.count() == 1
    own.close()


@pytest.mark.django_db(transaction=True)
def test_a_deferred_transaction_that_read_what_is_stale_now_says_so(monkeypatch):
    own = connections["default"]
    own.ensure_connection()
    monkeypatch.setattr(own, "transaction_mode", None)
    BookAdded.objects.create(book=1, title="Emma")
    with closing(sqlite3.connect(own.settings_dict["NAME"], isolation_level=None)) as other, transaction.atomic():
        assert BookAdded.objects.count() == 1
        other.execute("INSERT INTO books_shelf (name) VALUES ('from elsewhere')")
        with pytest.raises(ConcurrencyError) as caught:
            BookBorrowed.objects.create(book=1, borrowed_by="ann")
        assert isinstance(caught.value, OperationalError)
        assert not isinstance(caught.value, LogLocked)
    with transaction.atomic():
        assert Shelf.objects.count() == 1
        BookBorrowed.objects.create(book=1, borrowed_by="ann")


def test_a_log_of_a_newer_release_is_refused_and_not_touched():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_header SET schema_version = 999")
    connection.__dict__.pop("_eventfold", None)
    with pytest.raises(errors.UnsupportedSchema, match="999"):
        BookBorrowed.objects.create(book=7, borrowed_by="ann")
    with connection.cursor() as cursor:
        cursor.execute("SELECT schema_version, (SELECT count(*) FROM eventfold_event) FROM eventfold_header")
        assert cursor.fetchone() == (999, 0)
