"""Events, the app's own rows and what is to happen on commit: all or nothing, in every kind of block."""

from contextlib import suppress
from functools import partial

import pytest
from django.db import connections, transaction
from django.db.models.signals import post_save
from django.test import Client, TestCase, TransactionTestCase, override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventfold import EventLog
from tests.django.books.events import BookAdded, BookBorrowed, BookReturned
from tests.django.books.models import Shelf

ALIASES = ["default", "memory"]


class Failure(Exception):
    pass


def append(alias, n):
    BookBorrowed.objects.using(alias).create(book=n, borrowed_by="ann")
    Shelf.objects.using(alias).create(name=str(n))


def books(alias):
    """The books that are in the log, after making sure that the app's own rows agree."""
    found = list(BookBorrowed.objects.using(alias).order_by("position").values_list("book", flat=True))
    assert found == [int(name) for name in Shelf.objects.using(alias).order_by("pk").values_list("name", flat=True)]
    return found


@pytest.mark.django_db(transaction=True, databases=ALIASES)
class TestBlocks:
    def test_a_block_that_ends_well_commits_both(self, alias):
        with transaction.atomic(using=alias):
            append(alias, 1)
        assert books(alias) == [1]

    def test_a_block_that_fails_leaves_neither(self, alias):
        with suppress(Failure), transaction.atomic(using=alias):
            append(alias, 1)
            raise Failure
        assert books(alias) == []

    def test_an_inner_block_that_fails_takes_only_its_own(self, alias):
        with transaction.atomic(using=alias):
            append(alias, 1)
            with suppress(Failure), transaction.atomic(using=alias):
                append(alias, 2)
                raise Failure
            append(alias, 3)
        assert books(alias) == [1, 3]

    def test_savepoints_made_by_hand(self, alias):
        with transaction.atomic(using=alias):
            append(alias, 1)
            savepoint = transaction.savepoint(using=alias)
            append(alias, 2)
            transaction.savepoint_rollback(savepoint, using=alias)
            append(alias, 3)
            savepoint = transaction.savepoint(using=alias)
            append(alias, 4)
            transaction.savepoint_commit(savepoint, using=alias)
        assert books(alias) == [1, 3, 4]

    def test_a_block_without_a_savepoint_breaks_the_one_around_it(self, alias):
        with pytest.raises(transaction.TransactionManagementError), transaction.atomic(using=alias):
            append(alias, 1)
            with suppress(Failure), transaction.atomic(using=alias, savepoint=False):
                append(alias, 2)
                raise Failure
            append(alias, 3)
        assert books(alias) == []

    def test_a_rollback_that_is_asked_for(self, alias):
        with transaction.atomic(using=alias):
            append(alias, 1)
            transaction.set_rollback(True, using=alias)
        assert books(alias) == []

    def test_on_commit_runs_when_the_event_is_there(self, alias):
        seen = []
        with transaction.atomic(using=alias):
            append(alias, 1)
            transaction.on_commit(lambda: seen.append(books(alias)), using=alias)
            assert seen == []
        with suppress(Failure), transaction.atomic(using=alias):
            append(alias, 2)
            transaction.on_commit(lambda: seen.append(books(alias)), using=alias)
            raise Failure
        assert seen == [[1]]

    def test_on_commit_of_a_receiver_runs_after_the_outermost_commit(self, alias):
        seen = []

        def receiver(instance, using, **kwargs):
            transaction.on_commit(lambda: seen.append((instance.book, connections[using].in_atomic_block)), using=using)

        post_save.connect(receiver, sender=BookReturned)
        try:
            BookReturned.objects.using(alias).create(book=1)
            assert seen == [(1, False)]
            with transaction.atomic(using=alias):
                BookReturned.objects.using(alias).create(book=2)
                assert seen == [(1, False)]
            assert seen == [(1, False), (2, False)]
        finally:
            post_save.disconnect(receiver, sender=BookReturned)

    def test_two_aliases_commit_on_their_own(self, alias):
        other = next(name for name in ALIASES if name != alias)
        with suppress(Failure), transaction.atomic(using=alias):
            append(alias, 1)
            append(other, 2)
            raise Failure
        assert (books(alias), books(other)) == ([], [2])

    def test_a_durable_block(self, alias):
        with transaction.atomic(using=alias, durable=True):
            append(alias, 1)
        with pytest.raises(RuntimeError), transaction.atomic(using=alias):
            append(alias, 2)
            with transaction.atomic(using=alias, durable=True):
                append(alias, 3)
        assert books(alias) == [1]

    def test_without_a_block_each_append_commits(self, alias):
        append(alias, 1)
        assert not connections[alias].connection.in_transaction
        with suppress(Failure):
            append(alias, 2)
            raise Failure
        assert books(alias) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_another_connection_sees_the_event_after_the_commit_only():
    path = connections["default"].settings_dict["NAME"]
    with EventLog(path, read_only=True) as other:
        head = other.head()
        with transaction.atomic():
            append("default", 1)
            assert other.head() == head
        assert other.head() == head + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic", [False, True])
def test_atomic_requests(atomic):
    own = connections["default"]
    own.settings_dict["ATOMIC_REQUESTS"] = atomic
    try:
        client = Client(raise_request_exception=False)
        assert client.get("/borrow/1/").status_code == 200
        assert client.get("/borrow-then-fail/2/").status_code == 500
    finally:
        own.settings_dict["ATOMIC_REQUESTS"] = False
    found = list(BookBorrowed.objects.values_list("book", flat=True))
    assert found == ([1] if atomic else [1, 2])
    assert Shelf.objects.count() == len(found)


class TestDjangosTestCase(TestCase):
    databases = frozenset(ALIASES)

    @classmethod
    def setUpTestData(cls):
        for alias in ALIASES:
            append(alias, 1)
        cls.event = BookAdded.objects.create(book=1, title="Emma")

    def test_a_test_sees_the_events_of_its_class(self):
        for alias in ALIASES:
            append(alias, 2)
            self.assertEqual(books(alias), [1, 2])

    def test_a_test_does_not_see_those_of_another(self):
        for alias in ALIASES:
            append(alias, 3)
            self.assertEqual(books(alias), [1, 3])

    def test_an_event_of_the_class_is_copied_for_each_test(self):
        self.assertEqual(self.event.recorded.event_id, BookAdded.objects.get().recorded.event_id)

    def test_what_is_to_happen_on_commit_can_be_run(self):
        seen = []
        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            append("default", 2)
            transaction.on_commit(lambda: seen.append(1))
        self.assertEqual((len(callbacks), seen), (1, [1]))


class TestDjangosTransactionTestCase(TransactionTestCase):
    databases = frozenset(ALIASES)

    def test_each_test_begins_without_events(self):
        for alias in ALIASES:
            self.assertEqual(books(alias), [])
            append(alias, 1)
            self.assertEqual(books(alias), [1])

    test_each_test_begins_without_events_again = test_each_test_begins_without_events


# A program is a list of steps; what it should leave is worked out on a list.


steps = st.deferred(
    lambda: st.one_of(
        st.just(("append",)),
        st.just(("bulk", 3)),
        st.just(("fail",)),
        st.just(("rollback_to_savepoint",)),
        st.just(("invalid",)),
        st.tuples(st.just("atomic"), st.booleans(), programs),
        st.tuples(st.just("try"), programs),
    )
)
programs = st.lists(steps, max_size=5)


class Machine:
    """Runs a program on a database and on a list."""

    def __init__(self, alias):
        self.alias = alias
        self.n = 0
        self.committed = []

    def append(self, model, count, watch=True):
        events = []
        for _ in range(count):
            self.n += 1
            events.append(BookBorrowed(book=self.n, borrowed_by="ann"))
        if count == 1:
            events[0].save(using=self.alias)
        else:
            BookBorrowed.objects.using(self.alias).bulk_create(events)
        for event in events:
            Shelf.objects.using(self.alias).create(name=str(event.book))
            model.append(event.book)
            if watch:
                transaction.on_commit(partial(self.committed.append, event.book), using=self.alias)

    def run(self, program, model):
        """`model` is the list of books that this block would leave; failing, it leaves it as it was found."""
        for step in program:
            match step:
                case ("append",):
                    self.append(model, 1)
                case ("bulk", count):
                    self.append(model, count)
                case ("invalid",):
                    with pytest.raises(Exception, match="cannot be blank"):
                        BookBorrowed(book=1, borrowed_by="").save(using=self.alias)
                case ("fail",):
                    raise Failure
                case ("rollback_to_savepoint",):
                    if connections[self.alias].in_atomic_block:
                        before = list(model)
                        savepoint = transaction.savepoint(using=self.alias)
                        self.append(model, 1, watch=False)  # Django forgets no callback of a savepoint made by hand
                        transaction.savepoint_rollback(savepoint, using=self.alias)
                        model[:] = before
                case ("atomic", fails, inner):
                    before = list(model)
                    try:
                        with transaction.atomic(using=self.alias):
                            self.run(inner, model)
                            if fails:
                                raise Failure
                    except Failure:
                        model[:] = before
                        raise
                case ("try", inner):
                    with suppress(Failure):
                        self.run(inner, model)


@pytest.mark.django_db(transaction=True, databases=ALIASES)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=programs, listening=st.booleans())
def test_random_programs_leave_what_a_list_says(alias, program, listening):
    def receiver(**kwargs):
        pass

    machine = Machine(alias)
    before = books(alias)
    machine.n = max(before, default=0)
    model = []
    if listening:
        post_save.connect(receiver, sender=BookBorrowed)
    try:
        with suppress(Failure):
            machine.run(program, model)
    finally:
        post_save.disconnect(receiver, sender=BookBorrowed)
    own = connections[alias]
    assert not own.in_atomic_block
    assert not own.connection.in_transaction
    assert books(alias) == before + model
    assert machine.committed == model
    positions = list(BookBorrowed.objects.using(alias).order_by("position").values_list("position", flat=True))
    assert len(set(positions)) == len(positions)
    versions = [event.recorded.version for event in BookBorrowed.objects.using(alias).filter(book__in=model[:2])]
    assert versions == [1] * len(versions)


@pytest.mark.django_db(transaction=True)
@override_settings(DEBUG=True)
def test_the_fast_path_makes_one_statement_and_the_slow_one_djangos():
    own = connections["default"]
    own.queries_log.clear()
    BookReturned.objects.create(book=1)
    assert len(own.queries) == 1

    def receiver(**kwargs):
        pass

    post_save.connect(receiver, sender=BookReturned)
    try:
        own.queries_log.clear()
        BookReturned.objects.create(book=1)
        kinds = [query["sql"].split()[0] for query in own.queries]
        assert kinds == ["BEGIN", "INSERT", "COMMIT"]
    finally:
        post_save.disconnect(receiver, sender=BookReturned)
