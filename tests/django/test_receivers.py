"""pre_save and post_save receivers: connected by class or name, called for each event, and able to veto."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.db.models.signals import post_init, post_save, pre_init, pre_save
from django.test.utils import isolate_apps

from eventfold.django import Event
from eventfold.django.event_views import sync_view
from eventfold.django.receivers import has_receivers, receiver_names
from eventfold.errors import IdempotencyConflict
from tests.django.books.events import BookAdded, BookBorrowed, BookReturned
from tests.django.books.models import Shelf

pytestmark = pytest.mark.django_db(databases=["default", "memory"])


class Veto(Exception):
    pass


@pytest.fixture
def connect():
    """Connect receivers for the length of a test."""
    connected = []

    def connect(signal, receiver, **kwargs):
        signal.connect(receiver, weak=False, **kwargs)
        connected.append((signal, receiver, kwargs.get("sender")))
        return receiver

    yield connect
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


@pytest.fixture
def calls(connect):
    """What pre_save and post_save of BookBorrowed are called with."""
    calls = []

    def before(sender, instance, **kwargs):
        calls.append(("pre_save", sender, instance.book, instance.position, kwargs))

    def after(sender, instance, **kwargs):
        calls.append(("post_save", sender, instance.book, instance.position, kwargs))

    connect(pre_save, before, sender="books.BookBorrowed")
    connect(post_save, after, sender=BookBorrowed)
    return calls


def short(calls):
    return [(name, book) for name, _, book, _, _ in calls]


def test_receivers_are_called_as_for_any_model(calls, alias):
    event = BookBorrowed.objects.using(alias).create(book=7, borrowed_by="ann")
    common = {"raw": False, "using": alias, "update_fields": None}
    assert calls == [
        ("pre_save", BookBorrowed, 7, None, {"signal": pre_save, **common}),
        ("post_save", BookBorrowed, 7, event.position, {"signal": post_save, "created": True, **common}),
    ]


def test_receivers_of_save_and_bulk_create_too(calls):
    BookBorrowed(book=1, borrowed_by="ann").save()
    BookBorrowed.objects.bulk_create([BookBorrowed(book=n, borrowed_by="ann") for n in (2, 3)])
    BookBorrowed.objects.get_or_create(book=4, borrowed_by="ann")
    BookBorrowed.objects.get_or_create(book=4, borrowed_by="ann")
    assert short(calls) == [
        ("pre_save", 1),
        ("post_save", 1),
        ("pre_save", 2),
        ("pre_save", 3),
        ("post_save", 2),
        ("post_save", 3),
        ("pre_save", 4),
        ("post_save", 4),
    ]


def test_receivers_of_other_classes_are_not_called(calls):
    BookReturned.objects.create(book=7)
    assert calls == []
    assert not has_receivers(BookReturned)
    assert has_receivers(BookBorrowed)


def test_a_receiver_of_every_class_is_called(connect):
    seen = []
    connect(post_save, lambda sender, **kwargs: seen.append(sender))
    BookReturned.objects.create(book=7)
    BookAdded.objects.bulk_create([BookAdded(book=7, title="Emma")])
    assert seen == [BookReturned, BookAdded]


@isolate_apps("tests.django.books")
def test_a_receiver_connected_by_name_before_the_class_exists_is_called_later(connect):
    seen = []
    connect(pre_save, lambda sender, instance, **kwargs: seen.append(instance.n), sender="books.BookBurnt")

    from django.db import models

    class BookBurnt(Event):
        n = models.IntegerField()

        class Meta:
            app_label = "books"

    # ModelSignal looks in the registry that is in place when it connects
    assert has_receivers(BookBurnt)
    sync_view(connections["default"], BookBurnt)
    BookBurnt.objects.create(n=5)
    assert seen == [5]


def test_a_receiver_is_forgotten_when_it_is_disconnected_or_dies():
    def receiver(**kwargs):
        pass

    pre_save.connect(receiver, sender=BookReturned)
    assert has_receivers(BookReturned)
    assert receiver_names(BookReturned) == [
        "pre_save: tests.django.test_receivers.test_a_receiver_is_forgotten_when_it_is_disconnected_or_dies"
        ".<locals>.receiver"
    ]
    del receiver
    assert not has_receivers(BookReturned)
    assert receiver_names(BookReturned) == []


def test_what_pre_save_changes_is_validated_and_recorded(connect):
    def change(instance, **kwargs):
        instance.borrowed_by = instance.borrowed_by.strip()

    connect(pre_save, change, sender=BookBorrowed)
    assert BookBorrowed.objects.create(book=7, borrowed_by=" ann ").borrowed_by == "ann"
    assert BookBorrowed.objects.get().borrowed_by == "ann"
    with pytest.raises(ValidationError):
        BookBorrowed.objects.create(book=7, borrowed_by="  ")
    assert BookBorrowed.objects.count() == 1


@pytest.mark.parametrize("signal", [pre_save, post_save])
@pytest.mark.parametrize("many", [False, True])
def test_a_receiver_that_raises_stops_the_append_and_leaves_nothing(connect, alias, signal, many):
    committed = []

    def veto(instance, using, **kwargs):
        Shelf.objects.using(using).create(name="in the receiver")
        BookReturned.objects.using(using).create(book=instance.book)
        transaction.on_commit(lambda: committed.append(instance.book), using=using)
        if instance.book == 9:
            raise Veto

    connect(signal, veto, sender=BookBorrowed)
    events = [BookBorrowed(book=n, borrowed_by="ann") for n in ((8, 9) if many else (9,))]
    with pytest.raises(Veto):
        if many:
            BookBorrowed.objects.using(alias).bulk_create(events)
        else:
            events[0].save(using=alias)
    # the transaction goes on
    assert not Shelf.objects.using(alias).exists()
    assert not BookBorrowed.objects.using(alias).exists()
    assert not BookReturned.objects.using(alias).exists()
    assert not connections[alias].needs_rollback
    assert [(event.position, event.created, event._state.adding) for event in events] == [(None, None, True)] * len(
        events
    )
    assert all(name != "books" for name in committed)
    BookBorrowed.objects.using(alias).create(book=7, borrowed_by="ann")
    assert BookBorrowed.objects.using(alias).count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "memory"])
@pytest.mark.parametrize("signal", [pre_save, post_save])
def test_a_veto_outside_a_transaction_rolls_back_what_receivers_did(connect, alias, signal):
    committed = []

    def veto(using, **kwargs):
        Shelf.objects.using(using).create(name="in the receiver")
        transaction.on_commit(lambda: committed.append(1), using=using)
        raise Veto

    connect(signal, veto, sender=BookBorrowed)
    with pytest.raises(Veto):
        BookBorrowed.objects.using(alias).create(book=9, borrowed_by="ann")
    assert not Shelf.objects.using(alias).exists()
    assert not BookBorrowed.objects.using(alias).exists()
    assert committed == []
    assert not connections[alias].in_atomic_block


@pytest.mark.django_db(transaction=True)
def test_receivers_run_in_a_transaction_that_has_the_write_lock(connect, monkeypatch):
    modes = []

    def look(**kwargs):
        modes.append([query["sql"] for query in connections["default"].queries_log if query["sql"].startswith("BEGIN")])

    connect(pre_save, look, sender=BookBorrowed)
    own = connections["default"]
    own.ensure_connection()
    for configured in (None, "DEFERRED", "EXCLUSIVE"):
        monkeypatch.setattr(own, "transaction_mode", configured)
        monkeypatch.setattr(own, "force_debug_cursor", True)
        own.queries_log.clear()
        BookBorrowed.objects.create(book=7, borrowed_by="ann")
        assert own.transaction_mode == configured
    assert modes == [["BEGIN IMMEDIATE"], ["BEGIN IMMEDIATE"], ["BEGIN EXCLUSIVE"]]


def test_a_receiver_may_append_other_events(connect):
    def also(instance, using, **kwargs):
        BookReturned.objects.using(using).create(book=instance.book)

    connect(pre_save, also, sender=BookBorrowed)
    event = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    returned = BookReturned.objects.get()
    assert returned.position == event.position - 1
    assert (returned.recorded.version, event.recorded.version) == (1, 2)


def test_no_receiver_runs_for_a_repeated_append(calls):
    chosen = "12345678-1234-5678-1234-567812345678"
    first = BookBorrowed.objects.create(book=7, borrowed_by="ann", recorded={"event_id": chosen})
    BookBorrowed.objects.idempotent("key").create(book=8, borrowed_by="ann")
    BookBorrowed.objects.idempotent("keys").bulk_create([BookBorrowed(book=9, borrowed_by="ann")])
    calls.clear()
    again = BookBorrowed.objects.create(book=7, borrowed_by="ann", recorded={"event_id": chosen})
    BookBorrowed.objects.idempotent("key").create(book=8, borrowed_by="ann")
    BookBorrowed.objects.idempotent("keys").bulk_create([BookBorrowed(book=9, borrowed_by="ann")])
    assert calls == []
    assert again == first
    with pytest.raises(IdempotencyConflict):
        BookBorrowed.objects.idempotent("key").create(book=9, borrowed_by="ann")
    assert calls == []
    assert BookBorrowed.objects.count() == 3


def test_what_a_receiver_completes_does_not_make_a_repetition_another_request(connect):
    borrowers = iter(["Ann", "Bob", "Cleo"])

    def complete(instance, **kwargs):
        instance.borrowed_by = next(borrowers)

    connect(pre_save, complete, sender=BookBorrowed)
    chosen = "12345678-1234-5678-1234-567812345678"
    books = BookBorrowed.objects.idempotent("key")
    assert books.create(book=8, borrowed_by="?") == books.create(book=8, borrowed_by="?")
    for _ in range(2):
        BookBorrowed.objects.create(book=7, borrowed_by="?", recorded={"event_id": chosen})
    assert list(BookBorrowed.objects.values_list("book", "borrowed_by")) == [(8, "Ann"), (7, "Bob")]
    with pytest.raises(IdempotencyConflict):
        books.create(book=8, borrowed_by="!")
    with pytest.raises(IdempotencyConflict):
        BookBorrowed.objects.create(book=7, borrowed_by="!", recorded={"event_id": chosen})


def test_async_receivers_are_called(connect):
    seen = []

    async def receiver(instance, **kwargs):
        seen.append(instance.book)

    connect(post_save, receiver, sender=BookBorrowed)
    assert has_receivers(BookBorrowed)
    BookBorrowed.objects.create(book=7, borrowed_by="ann")
    assert seen == [7]


def test_init_signals_are_sent(connect):
    seen = []
    connect(pre_init, lambda sender, args, kwargs, **rest: seen.append((args, {**kwargs})), sender=BookReturned)
    connect(post_init, lambda instance, **rest: seen.append(instance.book), sender=BookReturned)
    BookReturned.objects.create(book=7)
    BookReturned.objects.get()
    assert seen == [((), {"book": 7}), 7, (tuple(BookReturned.objects.values_list().get()), {}), 7]


def test_a_proxy_sends_its_own_class_and_records_its_models_type(connect):
    class Loan(BookBorrowed):
        class Meta:
            app_label = "books"
            proxy = True

    try:
        seen = []
        connect(post_save, lambda sender, **kwargs: seen.append(sender))
        loan = Loan.objects.create(book=7, borrowed_by="ann")
        assert seen == [Loan]
        assert BookBorrowed.objects.get().position == loan.position
    finally:
        from django.apps import apps

        del apps.all_models["books"]["loan"]
        apps.clear_cache()
