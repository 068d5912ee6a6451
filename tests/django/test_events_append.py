"""Appending by create, save, bulk_create and get_or_create, and what the event knows of it afterwards."""

import pickle
from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from django.db import connections, models, transaction
from django.test.utils import isolate_apps

from eventfold.django import Event, EventManager, EventQuerySet, Recorded
from eventfold.errors import IdempotencyConflict, ImmutableEvent, InvalidEvent, WrongExpectedVersion
from tests.django.books.events import BookAdded, BookBorrowed, BookRemoved, BookReturned

pytestmark = pytest.mark.django_db(databases=["default", "memory"])


def test_create_appends_and_the_view_shows_the_event(alias):
    event = BookBorrowed.objects.using(alias).create(book=7, borrowed_by="ann")
    found = BookBorrowed.objects.using(alias).get()
    assert (found.position, found.created, found.book, found.borrowed_by) == (event.position, event.created, 7, "ann")
    assert found == event
    assert found._state.db == event._state.db == alias
    assert not event._state.adding


def test_created_is_now_in_utc():
    before = datetime.now(timezone.utc)
    created = BookBorrowed.objects.create(book=7, borrowed_by="ann").created
    assert before - timedelta(seconds=1) < created < datetime.now(timezone.utc) + timedelta(seconds=1)
    assert created.tzinfo is timezone.utc


@pytest.mark.filterwarnings("ignore:The view of")
def test_created_is_what_the_view_shows_without_time_zones(settings):
    settings.USE_TZ = False
    created = BookBorrowed.objects.create(book=7, borrowed_by="ann").created
    assert created.tzinfo is None


def test_a_caller_cannot_choose_created_or_position():
    past = datetime(2000, 1, 1, tzinfo=timezone.utc)
    assert BookBorrowed.objects.create(book=7, borrowed_by="ann", created=past).created.year > 2000
    with pytest.raises(InvalidEvent, match="leave position unset"):
        BookBorrowed.objects.create(position=7, book=7, borrowed_by="ann")
    with pytest.raises(InvalidEvent, match="leave position unset"):
        BookBorrowed(pk=7, book=7, borrowed_by="ann").save()
    assert BookBorrowed.objects.count() == 1


def test_save_appends(alias):
    event = BookBorrowed(book=7, borrowed_by="ann")
    event.save(using=alias)
    assert BookBorrowed.objects.using(alias).get().position == event.position


def test_save_takes_what_djangos_takes():
    BookBorrowed(book=1, borrowed_by="ann").save(force_insert=True)
    BookBorrowed(book=2, borrowed_by="ann").save(force_insert=(BookBorrowed,), using="memory")
    BookBorrowed(book=3, borrowed_by="ann").save(update_fields=[])  # nothing to do, as Django says
    with pytest.raises(ImmutableEvent):
        BookBorrowed(book=4, borrowed_by="ann").save(force_update=True)
    with pytest.raises(ImmutableEvent):
        BookBorrowed(book=5, borrowed_by="ann").save(update_fields=["book"])
    with pytest.raises(ValueError, match="Cannot force both"):
        BookBorrowed(book=6, borrowed_by="ann").save(force_insert=True, force_update=True)
    assert [event.book for event in BookBorrowed.objects.all()] == [1]
    assert [event.book for event in BookBorrowed.objects.using("memory")] == [2]


def test_all_types_of_an_alias_share_one_row_of_positions():
    first = BookAdded.objects.create(book=7, title="Emma")
    second = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    third = BookAdded.objects.create(book=8, title="Persuasion")
    assert [second.position, third.position] == [first.position + 1, first.position + 2]


def test_bulk_create_appends_in_order_and_fills_in_each_event(alias):
    events = [BookBorrowed(book=n, borrowed_by="ann") for n in range(500)]
    returned = BookBorrowed.objects.using(alias).bulk_create(iter(events))
    assert returned == events
    assert returned[0] is events[0]
    start = events[0].position
    assert [event.position for event in events] == list(range(start, start + 500))
    assert list(BookBorrowed.objects.using(alias).values_list("position", "book")) == [
        (event.position, event.book) for event in events
    ]
    assert all(event._state.db == alias and not event._state.adding for event in events)


def test_bulk_create_takes_the_options_of_djangos():
    events = [BookBorrowed(book=n, borrowed_by="ann") for n in range(3)]
    BookBorrowed.objects.bulk_create(events, batch_size=2, ignore_conflicts=True)
    assert BookBorrowed.objects.count() == 3
    with pytest.raises(ImmutableEvent):
        BookBorrowed.objects.bulk_create([BookBorrowed(book=9, borrowed_by="ann")], update_conflicts=True)
    with pytest.raises(ValueError, match="positive"):
        BookBorrowed.objects.bulk_create([], batch_size=-1)
    assert BookBorrowed.objects.bulk_create([]) == []
    with pytest.raises(TypeError, match="of this class"):
        BookBorrowed.objects.bulk_create([BookReturned(book=7)])
    assert BookBorrowed.objects.count() == 3


def test_bulk_create_is_all_or_nothing():
    recorded = BookBorrowed.objects.create(book=0, borrowed_by="ann")
    with pytest.raises(ImmutableEvent):
        BookBorrowed.objects.bulk_create([BookBorrowed(book=1, borrowed_by="ann"), recorded])
    with pytest.raises(InvalidEvent, match="borrowed_by"):
        BookBorrowed.objects.bulk_create(
            [BookBorrowed(book=1, borrowed_by="ann"), BookBorrowed(book=1, borrowed_by="\0")]
        )
    assert BookBorrowed.objects.count() == 1


def test_get_or_create_finds_or_else_appends():
    first, made = BookBorrowed.objects.get_or_create(book=7, defaults={"borrowed_by": "ann"})
    assert made
    second, made = BookBorrowed.objects.get_or_create(book=7, defaults={"borrowed_by": lambda: "bob"})
    assert not made
    assert (second.position, second.borrowed_by) == (first.position, "ann")
    third, made = BookBorrowed.objects.get_or_create(book=8, defaults={"borrowed_by": lambda: "bob"})
    assert (made, third.borrowed_by) == (True, "bob")


def test_a_queryset_and_a_related_filter_do_not_matter_to_create():
    event = BookBorrowed.objects.filter(book=7).create(book=8, borrowed_by="ann")
    assert BookBorrowed.objects.get().position == event.position


def test_events_of_a_stream_are_numbered_over_all_its_types():
    borrowed = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    BookBorrowed.objects.create(book=8, borrowed_by="ann")
    returned = BookReturned.objects.create(book=7)
    assert (borrowed.recorded.stream, borrowed.recorded.version) == ("book-7", 1)
    assert (returned.recorded.stream, returned.recorded.version) == ("book-7", 2)
    removed = BookRemoved.objects.create(book=7)
    assert (removed.recorded.stream, removed.recorded.version) == (None, None)


def test_recorded_has_an_id_that_the_log_made(django_assert_num_queries):
    event = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    with django_assert_num_queries(1):
        assert event.recorded.event_id.version == 7
    with django_assert_num_queries(0):
        assert event.recorded.metadata is None
    assert BookBorrowed.objects.get().recorded == event.recorded


def test_metadata_and_an_id_can_be_set_before_the_append():
    chosen = uuid4()
    event = BookBorrowed(book=7, borrowed_by="ann")
    event.recorded.metadata = {"user": "ann", "n": 1}
    event.recorded.event_id = chosen
    event.save()
    assert event.recorded == BookBorrowed.objects.get().recorded
    assert (event.recorded.event_id, event.recorded.metadata) == (chosen, {"user": "ann", "n": 1})
    made = BookBorrowed.objects.create(book=8, borrowed_by="bob", recorded={"metadata": {"user": "bob"}})
    assert made.recorded.metadata == {"user": "bob"}
    with pytest.raises(TypeError):
        BookBorrowed(book=8, borrowed_by="bob", recorded="now")
    with pytest.raises(ImmutableEvent):
        made.recorded = Recorded(metadata={"user": "cid"})


def test_an_id_that_is_no_uuid_is_refused():
    with pytest.raises(InvalidEvent, match="must be a UUID"):
        BookBorrowed.objects.create(book=8, borrowed_by="bob", recorded=Recorded(event_id="seven"))
    text = "12345678-1234-5678-1234-567812345678"
    event = BookBorrowed.objects.create(book=8, borrowed_by="bob", recorded=Recorded(event_id=text))
    assert event.recorded.event_id == UUID(text)


def test_a_batch_may_mix_metadata_and_ids():
    events = [BookBorrowed(book=n, borrowed_by="ann") for n in range(4)]
    chosen = uuid4()
    events[1].recorded.metadata = {"user": "ann"}
    events[2].recorded.metadata = {"user": "ann"}
    events[3].recorded.event_id = chosen
    BookBorrowed.objects.bulk_create(events)
    found = list(BookBorrowed.objects.order_by("position"))
    assert [event.book for event in found] == [0, 1, 2, 3]
    assert [event.recorded.metadata for event in found] == [None, {"user": "ann"}, {"user": "ann"}, None]
    assert found[3].recorded.event_id == chosen


def test_an_id_of_the_callers_is_recorded_once():
    chosen = uuid4()
    first = BookBorrowed.objects.create(book=7, borrowed_by="ann", recorded={"event_id": chosen})
    again = BookBorrowed.objects.create(book=7, borrowed_by="ann", recorded={"event_id": chosen})
    assert (again.position, again.created, again.recorded) == (first.position, first.created, first.recorded)
    with pytest.raises(IdempotencyConflict):
        BookBorrowed.objects.create(book=8, borrowed_by="ann", recorded={"event_id": chosen})
    assert BookBorrowed.objects.count() == 1


def test_a_request_key_is_used_once(alias):
    books = BookBorrowed.objects.using(alias)
    first = books.idempotent("upload-1").create(book=7, borrowed_by="ann")
    again = books.idempotent("upload-1").create(book=7, borrowed_by="ann")
    assert again == first
    with pytest.raises(IdempotencyConflict, match="upload-1"):
        books.idempotent("upload-1").create(book=8, borrowed_by="ann")
    batch = [BookBorrowed(book=n, borrowed_by="bob") for n in range(3)]
    books.idempotent("upload-2").bulk_create(batch)
    repeated = [BookBorrowed(book=n, borrowed_by="bob") for n in range(3)]
    books.idempotent("upload-2").bulk_create(repeated)
    assert repeated == batch
    assert books.count() == 4
    with pytest.raises(ValueError, match="empty"):
        books.idempotent("")


def test_a_request_key_lasts_through_a_chain_of_the_query_set():
    BookBorrowed.objects.idempotent("a").using("default").create(book=7, borrowed_by="ann")
    BookBorrowed.objects.filter(book=7).idempotent("a").all().create(book=7, borrowed_by="ann")
    assert BookBorrowed.objects.count() == 1


def test_expect_version_appends_only_to_a_stream_that_is_there_yet():
    BookBorrowed.objects.expect_version(0).create(book=7, borrowed_by="ann")
    BookReturned.objects.expect_version(1).create(book=7)
    with pytest.raises(WrongExpectedVersion, match="book-7"):
        BookBorrowed.objects.expect_version(1).create(book=7, borrowed_by="bob")
    assert BookBorrowed.objects.count() == 1


def test_the_same_content_twice_is_two_events():
    event = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    other = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    assert event != other
    assert BookBorrowed.objects.count() == 2


def test_an_event_is_copied_as_any_model_is():
    event = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    copy = BookBorrowed.objects.get()
    copy.pk = None
    copy.save()
    assert copy.position > event.position
    assert copy.recorded.event_id != event.recorded.event_id
    assert BookBorrowed.objects.count() == 2


def test_an_append_that_was_rolled_back_can_be_saved_again():
    event = BookBorrowed(book=7, borrowed_by="ann")
    event.recorded.metadata = {"user": "ann"}
    with pytest.raises(RuntimeError), transaction.atomic():
        event.save()
        assert event.position is not None
        raise RuntimeError
    event.save()
    assert BookBorrowed.objects.get() == event
    assert event.recorded.metadata == {"user": "ann"}


def test_an_append_that_was_rolled_back_can_be_saved_again_when_its_position_was_given_out_anew():
    event = BookBorrowed(book=7, borrowed_by="ann")
    with pytest.raises(RuntimeError), transaction.atomic():
        event.save()
        raise RuntimeError
    other = BookBorrowed.objects.create(book=8, borrowed_by="bob")
    assert other.position == event.position
    event.save()
    assert [event.book for event in BookBorrowed.objects.order_by("position")] == [8, 7]


def test_an_event_can_be_pickled():
    event = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    copy = pickle.loads(pickle.dumps(event))
    assert (copy.position, copy.book, copy.recorded) == (event.position, 7, event.recorded)
    fresh = pickle.loads(pickle.dumps(BookBorrowed(book=8, borrowed_by="bob", recorded={"metadata": {"user": "bob"}})))
    fresh.save()
    assert fresh.recorded.metadata == {"user": "bob"}


def test_init_takes_what_djangos_takes():
    assert BookBorrowed(None, None, 7, "ann").borrowed_by == "ann"
    assert BookBorrowed(None, None, 7, borrowed_by="ann").borrowed_by == "ann"
    assert BookBorrowed(pk=None, book=7).pk is None
    assert BookBorrowed().borrowed_by == ""
    assert BookBorrowed().book is None
    with pytest.raises(TypeError, match=r"unexpected keyword arguments: 'bok'"):
        BookBorrowed(bok=7)
    with pytest.raises(IndexError):
        BookBorrowed(1, 2, 3, 4, 5)


@isolate_apps("tests.django.books")
def test_defaults_are_called_for_each_event():
    counter = iter(range(10))

    class Counted(Event):
        n = models.IntegerField(default=lambda: next(counter))
        constant = models.IntegerField(default=5)
        known_to_the_database = models.IntegerField(db_default=6)

        class Meta:
            app_label = "books"

    assert [
        (event.n, event.constant, event.known_to_the_database) for event in (Counted(), Counted(n=9), Counted())
    ] == [
        (0, 5, 6),
        (9, 5, 6),
        (1, 5, 6),
    ]


class LoudQuerySet(EventQuerySet):
    def create(self, **kwargs):
        return super().create(**{**kwargs, "borrowed_by": kwargs["borrowed_by"].upper()})


@isolate_apps("tests.django.books")
def test_a_query_set_of_ones_own_is_used_by_its_managers():
    class BookBorrowed(Event):
        book = models.BigIntegerField()
        borrowed_by = models.CharField()

        class Meta:
            app_label = "books"

        objects = EventManager.from_queryset(LoudQuerySet)()
        also = LoudQuerySet.as_manager()

    for manager in (BookBorrowed.objects, BookBorrowed.also, BookBorrowed.objects.idempotent("key")):
        assert manager.create(book=7, borrowed_by="ann").borrowed_by == "ANN"
    assert BookBorrowed._base_manager.count() == 3


@isolate_apps("tests.django.books")
def test_a_save_of_ones_own_is_called_by_create():
    class BookBorrowed(Event):
        book = models.BigIntegerField()
        borrowed_by = models.CharField()

        class Meta:
            app_label = "books"

        def save(self, *args, **kwargs):
            self.borrowed_by = self.borrowed_by.upper()
            super().save(*args, **kwargs)

    assert BookBorrowed.objects.create(book=7, borrowed_by="ann").borrowed_by == "ANN"
    with pytest.raises(TypeError, match="use bulk_create"):
        BookBorrowed.objects.idempotent("key").create(book=7, borrowed_by="ann")
    assert BookBorrowed.objects.count() == 1


def test_a_deferred_field_is_loaded_when_asked_for(django_assert_num_queries):
    BookBorrowed.objects.create(book=7, borrowed_by="ann")
    with django_assert_num_queries(2):
        event = BookBorrowed.objects.only("book").get()
        assert event.borrowed_by == "ann"
    assert BookBorrowed.objects.defer("book").get().get_deferred_fields() == {"book"}


def test_refresh_from_db_reads_the_event_again():
    event = BookBorrowed.objects.create(book=7, borrowed_by="ann")
    event.borrowed_by = "bob"
    event.refresh_from_db()
    assert event.borrowed_by == "ann"


def test_each_alias_has_a_log_of_its_own():
    BookBorrowed.objects.using("default").create(book=1, borrowed_by="ann")
    BookBorrowed.objects.using("memory").create(book=2, borrowed_by="ann")
    BookBorrowed.objects.db_manager("memory").create(book=3, borrowed_by="ann")
    assert list(BookBorrowed.objects.using("default").values_list("book", flat=True)) == [1]
    assert list(BookBorrowed.objects.using("memory").values_list("book", flat=True)) == [2, 3]
    assert connections["default"]._eventfold.log is not connections["memory"]._eventfold.log
