"""`manage.py events follow` keeps the read models whose lifecycle is async."""

import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.models.signals import post_save

from eventfold import EventLog, _core
from eventfold.django import NotYetFollowed, events_of, wait_for
from eventfold.django.following.checkpoints import now_ms, read_checkpoint
from eventfold.django.following.follower import Follower
from eventfold.django.following.turns import Step, new_worker
from eventfold.django.gate import native
from eventfold.django.read_models import Declaration
from tests.django.sales.events import Returned, Sold, Visited, Withdrawn
from tests.django.sales.models import Shop
from tests.django.sales.read_models import AsyncItem, AsyncShop, InlineItem, InlineShop

on_disk = pytest.mark.django_db(transaction=True)
both = pytest.mark.django_db(databases=["default", "memory"])


def follow(*labels, **options):
    """Run it with --once; return what it says."""
    out = StringIO()
    call_command("events", "follow", *labels, once=True, stdout=out, stderr=out, **options)
    return out.getvalue()


def rows(model, using="default"):
    return sorted(model.objects.using(using).values_list())


def sell(item=1, buyer="ann", price="1.50", using="default"):
    return Sold.objects.using(using).create(item=item, buyer=buyer, price=price)


@both
def test_an_append_leaves_an_async_read_model_alone_and_follow_brings_it_to_the_rows_of_an_inline_one(alias):
    sell(using=alias)
    sell(2, "bob", using=alias)
    Returned.objects.using(alias).create(item=2)
    assert rows(InlineItem, alias) and not rows(AsyncItem, alias)
    said = follow(database=alias)
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)
    assert "sales.AsyncItem: brought forward by 3 positions\n" in said
    Withdrawn.objects.using(alias).create(item=1)
    follow("sales.AsyncItem", database=alias)
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)
    assert len(rows(AsyncItem, alias)) == 1


@both
def test_what_triggers_of_tracked_tables_record_is_followed_too(alias):
    shop = Shop.objects.using(alias).create(name="a")
    Shop.objects.using(alias).bulk_create([Shop(name="b"), Shop(name="c")])
    Shop.objects.using(alias).filter(name="b").update(name="d")
    shop.delete()
    assert not rows(AsyncShop, alias)
    follow(database=alias)
    assert rows(AsyncShop, alias) == rows(InlineShop, alias)
    assert [name for _, name, _ in rows(AsyncShop, alias)] == ["d", "c"]


@on_disk
def test_what_other_programs_record_is_followed_and_folded_inline():
    sell()
    with EventLog(connection.settings_dict["NAME"]) as log:
        log.append("sales.Sold", {"item": 1, "price": "2.00", "buyer": "eve"})
    connection.connection.execute("INSERT INTO sales_shop (name) VALUES ('raw')")  # past Django's cursor
    assert rows(InlineShop) == []
    follow()
    assert rows(AsyncItem) == rows(InlineItem) and rows(AsyncItem)[0][3] == "eve"
    assert rows(AsyncShop) == rows(InlineShop) and len(rows(InlineShop)) == 1


@both
def test_a_replay_ends_at_the_head_and_follow_goes_on_from_there(alias):
    for number in range(5):
        sell(number, using=alias)
    call_command("events", "replay", "sales.AsyncItem", database=alias, verbosity=0)
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)
    assert "sales.AsyncItem" not in follow(database=alias)  # nothing was left
    sell(using=alias)
    assert rows(AsyncItem, alias) != rows(InlineItem, alias)
    follow(database=alias)
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)


@both
def test_it_works_in_batches(alias, monkeypatch):
    monkeypatch.setattr("eventfold.django.tracking.pace._FIRST", 3)
    monkeypatch.setattr("eventfold.django.following.follower._FIRST_HANDLED", 3)
    monkeypatch.setattr("eventfold.django.tracking.pace._MOST", 3)
    Sold.objects.using(alias).bulk_create([Sold(item=n % 4, buyer=f"b{n % 3}") for n in range(20)])
    follower = Follower(AsyncItem, alias)
    steps = 0
    while follower.step(now=True) is Step.FOLDED:
        steps += 1
        assert read_checkpoint(connections[alias], "sales.AsyncItem").position == follower.position
    assert steps >= 7  # fewer events a batch on a slow machine
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)


@both
def test_a_checkpoint_that_nothing_concerns_is_moved_now_and_then_only(alias, monkeypatch):
    follower = Follower(AsyncItem, alias)
    Visited.objects.using(alias).create(page="/")
    assert follower.step() is Step.IDLE
    monkeypatch.setattr("eventfold.django.following.turns._LAZY", 0)
    assert follower.step() is Step.FOLDED
    assert follower.step() is Step.IDLE


@both
def test_two_followers_fold_no_event_twice(alias, monkeypatch):
    monkeypatch.setattr("eventfold.django.tracking.pace._FIRST", 2)
    monkeypatch.setattr("eventfold.django.following.follower._FIRST_HANDLED", 2)
    monkeypatch.setattr("eventfold.django.tracking.pace._MOST", 2)
    Sold.objects.using(alias).bulk_create([Sold(item=n % 3, buyer="ann") for n in range(9)])
    first, second = Follower(AsyncItem, alias, "elsewhere 1 a"), Follower(AsyncItem, alias, "elsewhere 2 b")
    assert first.step() is Step.FOLDED
    assert second.step() is Step.BUSY
    while first.step() is Step.FOLDED:
        pass
    assert second.step() is Step.IDLE
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)


@both
@pytest.mark.parametrize(
    "lease",
    [("elsewhere 1 a", -1), ("elsewhere 1 a", 3_600_000), (new_worker(), 5000)],
    ids=["expired", "by a clock that was set back", "of a process with this number"],
)
def test_the_lease_of_a_dead_process_is_taken_over(alias, lease):
    sell(using=alias)
    worker, milliseconds = lease
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE eventfold_follower SET worker = %s, expires = %s", [worker, now_ms() + milliseconds])
    assert Follower(AsyncItem, alias).step() is Step.FOLDED
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)


@both
@pytest.mark.parametrize(("milliseconds", "found"), [(5000, Step.WAITS), (3_600_000, Step.FOLDED)])
def test_an_event_that_failed_is_left_alone_for_a_while_but_not_for_longer_than_was_ever_meant(
    alias, milliseconds, found
):
    sell(using=alias)
    with connections[alias].cursor() as cursor:  # the second by a clock that was set back since
        cursor.execute("UPDATE eventfold_follower SET failures = 1, retry_at = %s", [now_ms() + milliseconds])
    assert Follower(AsyncItem, alias).step() is found


@both
def test_a_flush_forgets_what_failed(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE eventfold_follower SET failures = 5, retry_at = NULL, error = 'x'")
    native(connections[alias], "empty", _core.Log.empty)
    sell(using=alias)
    follow(database=alias)
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)


def change(sql, using="default"):
    with connections[using].cursor() as cursor:
        cursor.execute(f"UPDATE eventfold_read_model SET {sql} WHERE name = 'sales.AsyncItem'")


@both
@pytest.mark.parametrize(
    "sql", ["log_id = 'x'", "epoch = epoch + 1", "position = 999999999", "due = 1", "spec_hash = 'x'"]
)
def test_rows_that_do_not_follow_from_the_log_wait_for_a_replay_and_the_others_go_on(alias, sql):
    sell(using=alias)
    Shop.objects.using(alias).create(name="a")
    change(sql, alias)
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("events", "follow", once=True, database=alias, stdout=out, stderr=out)
    assert f"run `manage.py events replay sales.AsyncItem --database {alias}`" in out.getvalue()
    assert not rows(AsyncItem, alias)
    assert rows(AsyncShop, alias)
    sell(using=alias)  # no append is refused for it
    call_command("events", "replay", "sales.AsyncItem", database=alias, verbosity=0)
    follow(database=alias)
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)


@both
def test_an_event_that_cannot_be_folded_stops_its_read_model_there_and_no_other(alias, monkeypatch):
    sold = sell(using=alias)
    # an inline one refuses such an event, so it comes from elsewhere
    with transaction.atomic(using=alias):
        EventLog.on(_database(alias)).append("sales.Sold", {"item": 7, "price": None, "buyer": "nobody"})
        connections[alias].connection.execute("UPDATE eventfold_header SET folded = head")
    sell(8, using=alias)
    Shop.objects.using(alias).create(name="a")
    out = StringIO()
    with pytest.raises(CommandError, match="Not everything could be followed"):
        call_command("events", "follow", once=True, retries=2, database=alias, stdout=out, stderr=out)
    assert "ValueError: nobody buys nothing" in out.getvalue()
    assert "after 2 tries it stops there" in out.getvalue()
    checkpoint = read_checkpoint(connections[alias], "sales.AsyncItem")
    assert (checkpoint.position, checkpoint.stopped) == (sold.position, True)
    assert [item for item, *_ in rows(AsyncItem, alias)] == [1]
    assert rows(AsyncShop, alias) == rows(InlineShop, alias)
    monkeypatch.setattr("tests.django.sales.read_models.count_the_buyer.__code__", (lambda row, event: None).__code__)
    follow(database=alias)
    assert [item for item, *_ in rows(AsyncItem, alias)] == [1, 7, 8]
    assert read_checkpoint(connections[alias], "sales.AsyncItem").error is None


def _database(alias):
    from eventfold.django.connection import database_of

    return database_of(connections[alias])


@both
def test_what_is_no_async_read_model_is_named(alias):
    with pytest.raises(CommandError, match=r"sales\.Nothing is no read model or reactor of the database"):
        follow("sales.Nothing", database=alias)
    with pytest.raises(CommandError, match=r'InlineItem is kept by each append\. .* lifecycle = "async"'):
        follow("sales.InlineItem", database=alias)
    with pytest.raises(CommandError, match="at least 1"):
        follow(retries=0, database=alias)


@both
def test_in_a_transaction_wait_for_folds_on_the_spot(alias):
    event = sell(using=alias)
    assert wait_for(event.position, AsyncItem, InlineItem, using=alias) is None
    assert rows(AsyncItem, alias) == rows(InlineItem, alias)
    with pytest.raises(NotYetFollowed, match="has no position 999,999,999 yet"):
        wait_for(999_999_999, AsyncItem, using=alias)


@on_disk
def test_wait_for_returns_when_a_follower_has_folded_the_event():
    event = sell()
    thread = threading.Timer(0.2, follow)
    thread.start()
    wait_for(event.position, AsyncItem, InlineItem, timeout=30)
    assert rows(AsyncItem) == rows(InlineItem)
    thread.join()


@on_disk
def test_wait_for_says_what_is_wrong_when_nobody_follows():
    event = sell()
    with pytest.raises(TimeoutError, match=rf"seen .* up to position [\d,]+, not {event.position:,}, in 0\.05 s"):
        wait_for(event.position, AsyncItem, timeout=0.05)
    change("due = 1")
    with pytest.raises(NotYetFollowed, match=r"run `manage\.py events replay sales\.AsyncItem"):
        wait_for(event.position, AsyncItem, timeout=0.05)


@on_disk
def test_wait_for_does_not_wait_for_events_that_concern_nothing():
    wait_for(Visited.objects.create(page="/").position, AsyncItem, timeout=0)


@pytest.mark.parametrize("arguments", [(None,), (True,), ("1",), (1, Shop), (1, Sold)])
def test_wait_for_takes_a_position_and_read_models(arguments):
    with pytest.raises(TypeError, match="wait_for"):
        wait_for(*arguments)


@pytest.mark.parametrize(
    ("value", "message"),
    [("eager", 'is "inline", "async" or "live", not'), (None, 'is "inline", "async" or "live", not')],
)
def test_a_lifecycle_that_there_is_not_is_refused(value, message):
    class Projection:
        lifecycle = value
        key = "item"

    with pytest.raises(TypeError, match=rf"Item\.Projection\.lifecycle.*{message}"):
        Declaration.read("Item", Projection)


@on_disk
def test_a_receiver_that_fails_stops_no_read_model():
    def refuse(sender, instance, **kwargs):
        raise ValueError("not that one")

    created = events_of(Shop).created
    post_save.connect(refuse, sender=created)
    try:
        connection.ensure_connection()
        connection.connection.execute("INSERT INTO sales_shop (name) VALUES ('raw')")  # past Django's cursor
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("events", "follow", once=True, stdout=out, stderr=out)
    finally:
        post_save.disconnect(refuse, sender=created)
    assert "What other programs recorded cannot be folded or followed: ValueError: not that one" in out.getvalue()
    assert len(rows(AsyncShop)) == 1
    follow()
    assert rows(InlineShop) == rows(AsyncShop)
