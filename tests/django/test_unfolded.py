"""Events that no read model saw when they were recorded, of EventLog or another program: folded once, by the next."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from eventfold import EventLog
from eventfold.django import registry
from eventfold.django.connection import database_of
from eventfold.errors import ProjectionError
from tests.django.shelves.events import Noted, Stored, Taken
from tests.django.shelves.helpers import all_rows, by_hand, record_by_another_program, replayed
from tests.django.shelves.read_models import Diary, Place

both = pytest.mark.django_db(databases=["default", "memory"])
on_disk = pytest.mark.django_db(transaction=True)


def unfolded(using="default"):
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT head - folded FROM eventfold_head")
        return cursor.fetchone()[0]


def log_of(using="default"):
    return EventLog.on(database_of(connections[using]))


def stored(shelf="a", row=1):
    return Place.objects.get(shelf=shelf, row=row).stored


@on_disk
def test_what_another_connection_appends_is_folded_by_the_next_create_and_once():
    Stored.objects.create(shelf="a", row=1, title="One")
    with EventLog(connection.settings_dict["NAME"]) as log:
        log.append("shelves.Stored", {"shelf": "a", "row": 1, "title": "Two"})
        log.append("shelves.Taken", {"shelf": "b", "row": 1, "by": "ann"})
    assert stored() == 1
    Noted.objects.create(author="bob", words=1)
    assert stored() == 2
    assert Place.objects.get(shelf="b", row=1).taken == 1
    assert Diary.objects.get(shelf="a").story == "1:One 2:Two "
    Noted.objects.create(author="bob", words=1)
    lived = all_rows()
    assert stored() == 2
    replayed()
    assert all_rows() == lived


@both
def test_each_way_to_append_folds_what_is_pending_first(alias):
    ways = [
        lambda: Taken.objects.using(alias).create(shelf="z", row=0, by="x"),
        lambda: Taken.objects.using(alias).bulk_create([Taken(shelf="z", row=0, by="x") for _ in range(3)]),
        lambda: Taken(shelf="z", row=0, by="x", recorded={"metadata": {"a": 1}}).save(using=alias),
    ]
    for number, append in enumerate(ways, 1):
        log_of(alias).append("shelves.Stored", {"shelf": "a", "row": 1, "title": "t"})
        append()
        assert Place.objects.using(alias).get(shelf="a").stored == number
        assert unfolded(alias) == 0


@on_disk
def test_a_rollback_leaves_it_for_the_next():
    log_of().append("shelves.Stored", {"shelf": "a", "row": 1, "title": "One"})
    with transaction.atomic():
        Noted.objects.create(author="bob", words=1)
        assert stored() == 1
        transaction.set_rollback(True)
    assert not Place.objects.exists()
    Noted.objects.create(author="bob", words=1)
    assert stored() == 1


@both
def test_a_create_after_a_replay_folds_nothing_twice(alias):
    Stored.objects.using(alias).create(shelf="a", row=1, title="One")
    log_of(alias).append("shelves.Stored", {"shelf": "a", "row": 1, "title": "Two"})
    log_of(alias).append("shelves.Noted", {"author": "eve", "words": 7})
    replayed("shelves.Place", database=alias)
    assert unfolded(alias) == 0
    assert Diary.objects.using(alias).get(shelf="a").story == "1:One 2:Two "
    lived = all_rows(alias)
    Taken.objects.using(alias).create(shelf="z", row=0, by="x")
    assert Place.objects.using(alias).get(shelf="a").stored == 2
    replayed(database=alias)
    after = all_rows(alias)
    assert [row for row in after["Place"] if row[0] != "z"] == lived["Place"]


@both
def test_a_replay_mends_rows_that_take_no_more_events(alias):
    Stored.objects.using(alias).create(shelf="a", row=1, title="One")
    by_hand(Place, alias).update(stored=2**63 - 1)
    log_of(alias).append("shelves.Stored", {"shelf": "a", "row": 1, "title": "Two"})
    with pytest.raises(ProjectionError, match="64 bits"):
        Noted.objects.using(alias).create(author="bob", words=1)
    replayed("shelves.Place", database=alias)
    assert Place.objects.using(alias).get().stored == 2
    Noted.objects.using(alias).create(author="bob", words=1)
    assert Place.objects.using(alias).get().stored == 2


@on_disk
def test_while_rows_of_another_log_are_mended_the_other_read_models_miss_nothing():
    Stored.objects.create(shelf="a", row=1, title="One")
    replayed()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET log_id = 'another' WHERE name = 'shelves.Place'")
    registry.forget()  # as in a process that begins now
    log_of().append("shelves.Stored", {"shelf": "a", "row": 1, "title": "Two"})
    replayed("shelves.Place")
    assert stored() == 2
    assert Diary.objects.get(shelf="a").story == "1:One 2:Two "


@pytest.mark.django_db
def test_a_raw_save_leaves_nothing_to_fold_but_a_replay_to_do():
    Stored.objects.create(shelf="a", row=1, title="One")
    log_of().append("shelves.Stored", {"shelf": "a", "row": 1, "title": "Two"})
    Stored(shelf="a", row=1, title="Three").save_base(raw=True)
    assert unfolded() == 0
    Noted.objects.create(author="bob", words=1)
    assert stored() == 1
    replayed()
    assert stored() == 3


@pytest.mark.django_db
def test_status_says_what_is_not_folded_yet():
    def status():
        out = StringIO()
        call_command("events", "status", stdout=out)
        return out.getvalue()

    Stored.objects.create(shelf="a", row=1, title="One")
    assert "not seen" not in status()
    log_of().append("shelves.Stored", {"shelf": "a", "row": 1, "title": "Two"})
    assert "not seen" in status()
    Noted.objects.create(author="bob", words=1)
    assert "not seen" not in status()


@both
def test_infinity_as_a_trigger_records_it_is_read_by_folds_and_by_the_view(alias):
    first = Stored.objects.using(alias).create(shelf="a", row=1, title="One")
    record_by_another_program('{"shelf":"a","row":2,"title":"Two","length":9e999}', first, alias)
    Noted.objects.using(alias).create(author="bob", words=1)
    assert Place.objects.using(alias).get(row=2).length == float("inf")
    lived = all_rows(alias)
    replayed(database=alias)
    assert all_rows(alias) == lived
    assert Stored.objects.using(alias).get(row=2).length == float("inf")
