"""Domain events out of changes of tracked tables."""

import os
import sqlite3
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F
from django.db.models.signals import post_save
from django.test.utils import isolate_apps

from eventfold import EventLog, _core
from eventfold.django import Recorded, events_of, metadata, translate
from eventfold.django.connection import database_of
from eventfold.django.gate import native
from eventfold.django.tracking import translated
from eventfold.django.tracking.bootstrap import bootstrap
from eventfold.django.tracking.translate import TranslationError, translations, untranslate
from tests.django.books.events import BookBorrowed
from tests.django.loans.events import Lent
from tests.django.loans.models import Book, Library, Place, Shelf, Untold
from tests.django.loans.read_models import BookList

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return User.objects.create(username="ann")


@pytest.fixture
def bob():
    return User.objects.create(username="bob")


@pytest.fixture
def seen():
    """What the translation of Book.borrowed_by was called with."""
    return []


@pytest.fixture(autouse=True)
def loan(seen):
    @translate(Book, "borrowed_by")
    def loan(book, old, new):
        seen.append((book.pk, old and old.username, new and new.username))
        return Lent(book=book.pk, to=new.username if new else "")

    yield loan
    for model, field in (
        (Book, "borrowed_by"),
        (Book, "title"),
        (Book, "pages"),
        (Book, "secret"),
        (Book, "note"),
        (Book, "nothing"),
        (Book, "id"),
        (Library, "name"),
        (Shelf, "row"),
        (Untold, "name"),
        ("loans.Nothing", "x"),
    ):
        untranslate(model, field)


def nothing_has_begun():
    """As in a project that has just got its first translations."""
    connection.ensure_connection()
    connection.connection.execute("DELETE FROM eventfold_read_model WHERE name LIKE 'translation of %'")
    translated.forget()


def lent():
    return list(Lent.objects.order_by("position").values_list("book", "to"))


def test_a_save_as_it_stands_gives_a_domain_event(ann, seen):
    book = Book.objects.create(title="Emma")
    assert lent() == []
    book.borrowed_by = ann
    book.save()
    assert lent() == [(book.pk, "ann")]
    book.title = "Persuasion"
    book.save()
    book.borrowed_by = None
    book.save()
    assert lent() == [(book.pk, "ann"), (book.pk, "")]
    assert seen == [(book.pk, None, "ann"), (book.pk, "ann", None)]


def test_it_works_whatever_writes(ann, bob, seen):
    books = Book.objects.bulk_create([Book(title=str(n), borrowed_by=ann) for n in range(2)])
    assert [to for _, to in lent()] == ["ann", "ann"]
    Book.objects.update(borrowed_by=bob)
    for book in books:
        book.borrowed_by = ann
    Book.objects.bulk_update(books, ["borrowed_by"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loans_book SET borrowed_by_id = NULL WHERE title = '0'")
    Book.objects.update_or_create(title="0", defaults={"borrowed_by": bob})
    ann.delete()  # SET_NULL
    assert [call[1:] for call in seen] == [
        (None, "ann"),
        (None, "ann"),
        ("ann", "bob"),
        ("ann", "bob"),
        ("bob", "ann"),
        ("bob", "ann"),
        ("ann", None),
        (None, "bob"),
        ("ann", None),
    ]
    assert len(lent()) == len(seen)


@pytest.mark.django_db(transaction=True)
def test_each_change_is_translated_once_outside_of_a_transaction_too(ann, seen):
    book = Book.objects.create(title="Emma", borrowed_by=ann)
    Book.objects.update(borrowed_by=None)
    Untold.objects.create(name="x")
    Lent.objects.create(book=0)
    assert seen == [(book.pk, None, "ann"), (book.pk, "ann", None)]
    assert lent() == [(book.pk, "ann"), (book.pk, ""), (0, "")]


@pytest.mark.django_db(transaction=True)
def test_what_another_program_wrote_is_translated_before_the_next_write_or_append(ann, seen):
    book = Book.objects.create(title="Emma")
    other = sqlite3.connect(connection.settings_dict["NAME"])
    for borrower in (ann.pk, None, ann.pk):
        with other:
            other.execute("UPDATE loans_book SET borrowed_by_id = ?", [borrower])
    assert seen == []
    Lent.objects.create(book=0, to="someone")
    assert lent() == [(book.pk, "ann"), (book.pk, ""), (book.pk, "ann"), (0, "someone")]
    with other:
        other.execute("UPDATE loans_book SET borrowed_by_id = NULL")
        other.execute("DELETE FROM loans_book")
    other.close()
    Untold.objects.create(name="x")
    assert lent()[4:] == [(book.pk, "")]


def test_a_row_that_is_gone_is_given_as_it_was(ann, seen):
    titles = []

    @translate(Book, "title")
    def named(book, old, new):
        titles.append((new, book.title, book.pages))

    Book.objects.create(title="Emma", pages=3)
    assert titles == [("Emma", "Emma", 3)]
    connection.connection.execute("UPDATE loans_book SET title = 'Persuasion', pages = 4")
    connection.connection.execute("DELETE FROM loans_book")
    Untold.objects.create(name="x")
    assert titles[1:] == [("Persuasion", "Persuasion", 4)]


def test_none_one_and_several_events_may_follow(ann):
    answers = {"none": None, "one": Lent(book=1), "several": [Lent(book=2), BookBorrowed(book=2, borrowed_by="x")]}

    @translate(Book, "title")
    def named(book, old, new):
        return answers[new]

    for title in answers:
        Book.objects.create(title=title)
    assert [book for book, _ in lent()] == [1, 2]
    assert BookBorrowed.objects.get().book == 2

    untranslate(Book, "title")

    @translate(Book, "title")
    def generated(book, old, new):
        yield Lent(book=3)
        yield Lent(book=4)

    Book.objects.create(title="x")
    assert [book for book, _ in lent()] == [1, 2, 3, 4]


@pytest.mark.parametrize("answer", [Book(), "BookBorrowed", 7, [None]])
def test_anything_else_is_refused(answer):
    @translate(Book, "title")
    def named(book, old, new):
        return answer

    with pytest.raises(
        TranslationError, match=r"named, which translates loans.Book.title, failed for loans.Book .*None"
    ):
        Book.objects.create(title="Emma")


def test_an_exception_takes_the_write_back_and_names_the_function(ann):
    @translate(Book, "title")
    def refuse(book, old, new):
        raise ValueError("no such title")

    with (
        pytest.raises(TranslationError, match=r"refuse, which translates loans.Book.title.*ValueError: no such title"),
        transaction.atomic(),
    ):
        Book.objects.create(title="Emma", borrowed_by=ann)
    assert Book.objects.count() == 0
    assert lent() == []
    with transaction.atomic():
        with pytest.raises(TranslationError), connection.cursor() as cursor:
            cursor.execute("INSERT INTO loans_book (title, available, secret, note) VALUES ('x', 1, '', '')")
        with pytest.raises(transaction.TransactionManagementError):
            Book.objects.count()
        transaction.set_rollback(True)
    assert Book.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_exception_takes_a_statement_back_that_is_its_own_transaction():
    @translate(Book, "title")
    def refuse(book, old, new):
        if new == "bad":
            raise ValueError

    Book.objects.create(title="good")
    with pytest.raises(TranslationError):
        Book.objects.update(title="bad")
    assert Book.objects.get().title == "good"
    Book.objects.update(title="better")
    assert Book.objects.get().title == "better"


def test_an_event_that_is_not_valid_takes_the_write_back_too():
    @translate(Book, "title")
    def named(book, old, new):
        return Lent(book="no number")

    with (
        pytest.raises(TranslationError, match=r"an event that it made, loans\.Lent: ValidationError"),
        transaction.atomic(),
    ):
        Book.objects.create(title="Emma")
    assert Book.objects.count() == 0


def test_a_translation_may_change_tracked_rows_whose_changes_are_translated_in_their_turn():
    order = []

    @translate(Book, "title")
    def named(book, old, new):
        order.append(("title", new))
        Book.objects.filter(pk=book.pk).update(pages=F("pages") + 1)

    @translate(Book, "pages")
    def paged(book, old, new):
        order.append(("pages", new))

    Book.objects.bulk_create([Book(title="a", pages=1), Book(title="b", pages=5)])
    assert order == [("title", "a"), ("pages", 1), ("title", "b"), ("pages", 5), ("pages", 2), ("pages", 6)]


def test_a_translation_that_never_ends_is_stopped():
    @translate(Book, "pages")
    def paged(book, old, new):
        Book.objects.filter(pk=book.pk).update(pages=F("pages") + 1)

    with pytest.raises(TranslationError, match="went on changing tracked tables"), transaction.atomic():
        Book.objects.create(title="a", pages=1)
    assert Book.objects.count() == 0


def test_domain_events_have_the_metadata_of_the_change(ann):
    with metadata(user="carol"):
        Book.objects.create(title="Emma", borrowed_by=ann)
    connection.connection.execute("UPDATE loans_book SET borrowed_by_id = NULL")
    with metadata(user="dave"):
        Untold.objects.create(name="x")
    events = [event for event in EventLog.on(database_of(connection)).read() if event.type == "loans.Lent"]
    assert [event.metadata for event in events] == [{"user": "carol"}, None]


@pytest.mark.django_db(transaction=True)
def test_what_was_recorded_before_a_translation_was_there_is_not_translated(ann, seen):
    untranslate(Book, "borrowed_by")
    book = Book.objects.create(title="Emma", borrowed_by=ann)
    calls = []

    @translate(Book, "borrowed_by")
    def later(book, old, new):
        calls.append((old and old.pk, new and new.pk))

    Book.objects.update(borrowed_by=None)
    assert calls == [(ann.pk, None)]
    rows = connection.connection.execute("SELECT name FROM eventfold_read_model WHERE name LIKE 'translation of %'")
    assert ("translation of loans.Book.borrowed_by",) in rows.fetchall()
    assert book.pk


def test_values_come_as_the_model_has_them():
    found = {}
    for field in ("price", "published", "tags", "isbn", "cover", "lent_for"):

        @translate(Book, field)
        def note(row, old, new, field=field):
            found[field] = (old, new)

    try:
        import datetime
        import decimal
        import uuid

        values = {
            "price": decimal.Decimal("1.50"),
            "published": datetime.date(2020, 1, 1),
            "tags": {"a": [1]},
            "isbn": uuid.UUID(int=7),
            "cover": b"\x01",
            "lent_for": datetime.timedelta(days=1),
        }
        book = Book.objects.create(title="Emma", **values)
        assert found == {name: (None, value) for name, value in values.items()}
        Book.objects.filter(pk=book.pk).update(price=None)
        assert found["price"] == (values["price"], None)
    finally:
        for field in values:
            untranslate(Book, field)


def test_a_text_key_and_a_parent_are_translated_too():
    calls = []

    @translate(Shelf, "row")
    def moved(shelf, old, new):
        calls.append((shelf.pk, shelf.row, old, new))

    Shelf.objects.create(mark="a", row=1)
    Shelf.objects.update(row=2)
    Shelf.objects.update(mark="b")  # another key is another row
    assert calls == [("a", 1, None, 1), ("a", 2, 1, 2), ("b", 2, None, 2)]


def test_a_translation_that_cannot_be_says_why():
    with pytest.raises(ImproperlyConfigured, match=r"loans.Book.borrowed_by is translated by .*loan already"):
        translate(Book, "borrowed_by")(lambda book, old, new: None)
    with pytest.raises(ImproperlyConfigured, match="takes the name of a field"):
        translate(Book, Book)
    for model, field, why in (
        (Book, "nothing", "no field named"),
        ("loans.Nothing", "x", "loans"),
        (Untold, "name", "is not tracked"),
        (Library, "name", "is a field of loans.Place"),
        (Book, "secret", "masked"),
        (Book, "note", "is not recorded"),
        (Book, "id", "primary key"),
    ):
        translate(model, field)(lambda row, old, new: None)
        with pytest.raises(ImproperlyConfigured, match=why):
            translations()
        with pytest.raises(SystemCheckError, match=rf"eventfold.E105.*{why}"):
            call_command("check", tags=["models"])
        untranslate(model, field)


def test_no_query_is_added_to_those_that_the_app_counts(ann, django_assert_num_queries):
    @translate(Book, "title")
    def named(book, old, new):
        return None

    book = Book.objects.create(title="Emma")
    book.title = "x"
    with django_assert_num_queries(1):
        book.save(update_fields=["title"])


@pytest.mark.django_db(transaction=True)
def test_a_bootstrap_gives_the_domain_events_of_today_and_none_twice(ann, bob, seen):
    raw = sqlite3.connect(connection.settings_dict["NAME"])
    triggers = raw.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'loans_book'"
    ).fetchall()
    with raw:  # as it was before tracking began
        for name, _ in triggers:
            raw.execute(f'DROP TRIGGER "{name}"')
        for title, borrower in (("lent", ann.pk), ("in", None), ("moved", ann.pk), ("renamed", ann.pk)):
            raw.execute(
                "INSERT INTO loans_book (title, borrowed_by_id, available, secret, note) VALUES (?, ?, 1, '', '')",
                [title, borrower],
            )
        for _, sql in triggers:
            raw.execute(sql)
    raw.close()
    Book.objects.filter(title="moved").update(borrowed_by=bob)
    Book.objects.filter(title="renamed").update(pages=7)
    assert [call[1:] for call in seen] == [("ann", "bob")]
    bootstrap(Book, "default")
    assert [call[1:] for call in seen[1:]] == [(None, "ann"), (None, "ann")]
    titles = dict(Book.objects.values_list("pk", "title"))
    assert [(titles[book], to) for book, to in lent()] == [("moved", "bob"), ("lent", "ann"), ("renamed", "ann")]
    bootstrap(Book, "default")
    assert len(lent()) == 3


def test_a_bootstrap_may_be_the_first_that_is_written():
    nothing_has_begun()
    raw = connection.connection
    triggers = raw.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'loans_shelf'"
    ).fetchall()
    for name, _ in triggers:  # as it was before tracking began
        raw.execute(f'DROP TRIGGER "{name}"')
    raw.execute("INSERT INTO loans_shelf (mark, row) VALUES ('a', 1), ('b', 2)")
    for _, sql in triggers:
        raw.execute(sql)

    @translate(Shelf, "row")
    def placed(shelf, old, new):
        return Lent(book=new, to=shelf.mark)

    assert bootstrap(Shelf, "default").events == 2
    assert lent() == [(1, "a"), (2, "b")]


def test_callbacks_that_an_app_counts_are_its_own(django_capture_on_commit_callbacks, ann):
    nothing_has_begun()
    with django_capture_on_commit_callbacks() as callbacks:
        Book.objects.create(title="Emma", borrowed_by=ann)
    assert callbacks == []
    assert lent() != []


@pytest.mark.django_db(transaction=True)
def test_a_beginning_that_was_rolled_back_is_not_remembered():
    nothing_has_begun()
    with transaction.atomic():
        for title in ("Emma", "Persuasion"):
            Book.objects.create(title=title)
        assert not translated.has_begun("default")
        transaction.set_rollback(True)
    for title in ("Emma", "Persuasion"):
        Book.objects.create(title=title)
    assert translated.has_begun("default")
    names = connection.connection.execute("SELECT name FROM eventfold_read_model").fetchall()
    assert ("translation of loans.Book.borrowed_by",) in names


@pytest.mark.django_db(transaction=True)
def test_without_autocommit_a_statement_waits_for_commit_with_what_follows(ann):
    nothing_has_begun()

    @translate(Book, "title")
    def refuse(book, old, new):
        if not new:
            raise ValueError("a book has a title")

    transaction.set_autocommit(False)
    try:
        Book.objects.create(title="Emma", borrowed_by=ann)
        Lent.objects.create(book=0)
        transaction.rollback()
        assert (Book.objects.count(), lent()) == (0, [])
        transaction.rollback()
        Lent.objects.create(book=0)
        transaction.rollback()
        assert lent() == []
        transaction.rollback()
        book = Book.objects.create(title="Emma", borrowed_by=ann)
        with pytest.raises(TranslationError):
            Book.objects.update(title="", borrowed_by=None)
        transaction.commit()
        assert (Book.objects.get().title, lent()) == ("Emma", [(book.pk, "ann")])
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


def test_what_follows_from_another_programs_change_is_not_said_to_be_of_who_writes_next():
    @translate(Book, "title")
    def moved(book, old, new):
        if old:
            Shelf.objects.create(mark=new)

    def note(instance, **kwargs):
        Lent.objects.create(book=instance.key)

    changed = events_of(Book).changed
    post_save.connect(note, sender=changed)
    try:
        Book.objects.create(title="Emma")
        connection.connection.execute("UPDATE loans_book SET title = 'x'")
        with metadata(user="dave"):
            Untold.objects.create(name="x")
            Book.objects.update(title="y")
    finally:
        post_save.disconnect(note, sender=changed)
    events = [event for event in EventLog.on(database_of(connection)).read() if event.type != "loans.BookChanged"]
    assert [(event.type, event.metadata) for event in events[1:]] == [
        ("loans.Lent", None),
        ("loans.ShelfCreated", None),
        ("loans.Lent", {"user": "dave"}),
        ("loans.ShelfCreated", {"user": "dave"}),
    ]


def test_a_process_that_runs_while_another_one_migrates_translates_from_then_on():
    heard = []

    @translate(Shelf, "row")
    def placed(shelf, old, new):
        return Lent(book=new, to=shelf.mark)

    def note(instance, **kwargs):
        heard.append(instance.key)

    created = events_of(Shelf).created
    post_save.connect(note, sender=created)
    try:
        connection.ensure_connection()
        raw = connection.connection
        types = raw.execute("SELECT * FROM eventfold_type WHERE name LIKE 'loans.Shelf%'").fetchall()
        raw.execute("DELETE FROM eventfold_type WHERE name LIKE 'loans.Shelf%'")
        Book.objects.create(title="before")
        raw.executemany(f"INSERT INTO eventfold_type VALUES ({', '.join('?' * len(types[0]))})", types)
        Shelf.objects.create(mark="a", row=3)
    finally:
        post_save.disconnect(note, sender=created)
    assert (lent(), heard) == ([(3, "a")], ["a"])


@isolate_apps("tests.django.loans")
def test_a_reference_by_another_field_than_the_key_may_be_an_empty_text():
    class Visit(models.Model):
        place = models.ForeignKey(Place, models.CASCADE, to_field="code", null=True)

        class Meta:
            app_label = "loans"

    place = Place.objects.create(name="x", code="")
    read = translated._value_maker(Visit._meta.get_field("place"), "default")
    assert (read(""), read(None)) == (place, None)


@pytest.mark.django_db(transaction=True)
def test_in_a_transaction_begun_by_sql_an_exception_takes_the_statement_back_alone():
    @translate(Book, "title")
    def refuse(book, old, new):
        if new == "bad":
            raise ValueError

    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        Book.objects.create(title="good", pages=1)
        with pytest.raises(TranslationError):
            Book.objects.create(title="bad")
        with pytest.raises(IntegrityError):
            cursor.execute("INSERT INTO loans_shelf (mark, row) VALUES ('a', 1), ('a', 1)")
        Book.objects.update(pages=2)
        cursor.execute("COMMIT")
    assert list(Book.objects.values_list("title", "pages")) == [("good", 2)]
    assert Shelf.objects.count() == 0


def test_what_a_translation_appends_itself_and_takes_back_is_gone_and_the_change_is_translated_once(ann, seen):
    @translate(Book, "title")
    def named(book, old, new):
        seen.append(new)
        Lent.objects.create(book=book.pk, to="kept")
        with pytest.raises(IntegrityError), transaction.atomic():
            Lent.objects.create(book=book.pk, to="taken back")
            User.objects.create(username=ann.username)

    book = Book.objects.create(title="Emma")
    Book.objects.update(title="Persuasion")
    Untold.objects.create(name="x")
    Lent.objects.create(book=0)
    assert seen == ["Emma", "Persuasion"]
    assert lent() == [(book.pk, "kept"), (book.pk, "kept"), (0, "")]
    assert EventLog.on(database_of(connection)).head() == database_head()
    assert unfolded() is None


def test_an_event_that_repeats_an_earlier_one_leaves_its_change_translated(seen):
    event_id = uuid4()

    @translate(Book, "title")
    def named(book, old, new):
        seen.append(new)
        return Lent(book=1, to="always", recorded=Recorded(event_id=event_id))

    Book.objects.create(title="Emma")
    assert unfolded() is None
    Book.objects.update(title="Persuasion")
    assert unfolded() is None
    Untold.objects.create(name="x")
    Lent.objects.create(book=0)
    assert seen == ["Emma", "Persuasion"]
    assert lent() == [(1, "always"), (0, "")]


def test_a_savepoint_that_is_rolled_back_takes_the_translation_back_and_the_next_change_has_its_turn(ann, seen):
    book = Book.objects.create(title="Emma")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Book.objects.update(borrowed_by=ann)
            assert lent() == [(book.pk, "ann")]
            raise ZeroDivisionError
        assert lent() == []
    Book.objects.update(title="Persuasion")  # at a position that was given out before
    Book.objects.update(borrowed_by=ann)
    assert lent() == [(book.pk, "ann")]
    assert len(seen) == 4
    assert unfolded() is None


@pytest.mark.skipif(
    os.environ.get("EVENTFOLD_SQLITE_WAY") == "dbapi", reason="a cursor tells nothing of what it inserts"
)
@pytest.mark.django_db(transaction=True)
def test_a_write_that_leaves_the_log_as_it_was_asks_nothing_of_it(ann):
    said = []
    with transaction.atomic():
        Untold.objects.create(name="x")
    connection.connection.set_trace_callback(said.append)
    try:
        with transaction.atomic():
            Untold.objects.create(name="y")  # a look, since others may have committed something
            said.clear()
            Untold.objects.create(name="z")
            Untold.objects.update(name="a")
            assert [sql for sql in said if "eventfold" in sql] == []
            Book.objects.create(title="Emma", borrowed_by=ann)
            assert [sql for sql in said if "eventfold_event" in sql] != []
    finally:
        connection.connection.set_trace_callback(None)
    assert Lent.objects.count() == 1


@pytest.mark.parametrize(
    "write", [lambda: Book.objects.update(title="Persuasion"), lambda: Untold.objects.create(name="y")]
)
@pytest.mark.django_db(transaction=True)
def test_another_programs_change_is_translated_once_although_the_write_that_found_it_was_taken_back(ann, seen, write):
    book = Book.objects.create(title="Emma")
    other = sqlite3.connect(connection.settings_dict["NAME"])
    with other:
        other.execute("UPDATE loans_book SET borrowed_by_id = ?", [ann.pk])
    other.close()
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Untold.objects.create(name="x")
            assert lent() == [(book.pk, "ann")]
            raise ZeroDivisionError
        assert lent() == []
        write()
        assert lent() == [(book.pk, "ann")]
    assert seen == [(book.pk, None, "ann")] * 2
    assert unfolded() is None


@pytest.mark.django_db(transaction=True)
def test_in_a_transaction_begun_by_sql_an_append_that_fails_takes_only_its_own_statement_back(ann):
    @translate(Book, "title")
    def named(book, old, new):
        return [Lent(book=book.pk, to="first"), Lent(book=book.pk if new == "good" else "no number")]

    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        for title in ("good", "bad", "good"):
            try:
                cursor.execute(
                    "INSERT INTO loans_book (title, available, secret, note) VALUES (%s, 1, '', '')", [title]
                )
            except TranslationError:
                assert title == "bad"
        cursor.execute("COMMIT")
    assert [book.title for book in Book.objects.all()] == ["good", "good"]
    assert [to for _, to in lent()] == ["first", "", "first", ""]
    assert unfolded() is None


def test_read_models_of_domain_events_and_of_the_table_see_each_event_once(ann):
    Book.objects.create(title="Emma", borrowed_by=ann)
    Book.objects.update(title="Persuasion")
    Book.objects.update(borrowed_by=None)
    assert list(BookList.objects.values_list("title", "changes")) == [("Persuasion", 2)]
    assert Lent.objects.count() == 2
    assert unfolded() is None


def unfolded():
    return native(connection, "eventfold: unfolded", _core.Log.unfolded)


def database_head():
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(position) FROM eventfold_event")
        return cursor.fetchone()[0]
