"""The log is sealed: its events are there as columns too, and whoever folds them sees the same."""

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from eventfold import EventLog, NewEvent
from eventfold.django.connection import database_of
from eventfold.django.replay import replay_together
from tests.django.shelves.events import Stored
from tests.django.shelves.helpers import by_hand, corrupt, rows
from tests.django.shelves.read_models import Clearing, Place

both = pytest.mark.django_db(databases=["default", "memory"])
on_disk = pytest.mark.django_db(transaction=True)


def events(*args, **options):
    stream = io.StringIO()
    call_command("events", *args, stdout=stream, stderr=stream, **options)
    return stream.getvalue()


def given_a_long_log(alias="default"):
    """More events than a segment has positions, of two types."""
    stored = [
        NewEvent("shelves.Stored", {"shelf": "abc"[n % 3], "row": n % 7, "title": f"T{n}"}) for n in range(45_000)
    ]
    cleared = [NewEvent("shelves.Cleared", {"shelf": "abcd"[n % 4], "row": n}) for n in range(30_000)]
    events = [event for pair in zip(stored, cleared, strict=False) for event in pair] + stored[30_000:]
    EventLog.on(database_of(connections[alias])).append(events)


def given_events_that_nobody_reads():
    EventLog.on(database_of(connections["default"])).append([NewEvent("Passed", {"n": n}) for n in range(75_000)])


def damage_columns(alias="default"):
    """Whoever reads columns finds it at once."""
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE eventfold_segment_column SET content = x''")


@both
def test_replays_of_a_sealed_log_find_the_rows_that_those_of_its_events_found(alias):
    given_a_long_log(alias)
    list(replay_together([Place, Clearing], alias))
    right = {model: rows(model, alias) for model in (Place, Clearing)}
    assert "segments were made" in events("seal", database=alias)
    changed = by_hand(Place, alias).filter(shelf="a").update(stored=99, title="wrong")
    deleted, _ = by_hand(Clearing, alias).filter(shelf="d").delete()
    done = {each.model: each for each in replay_together([Place, Clearing], alias)}
    assert {model: rows(model, alias) for model in (Place, Clearing)} == right
    assert (done[Place].updated, done[Clearing].inserted) == (changed, deleted)
    events("verify", "shelves.Place", "shelves.Clearing", database=alias)

    damage_columns(alias)
    for model in ("shelves.Place", "shelves.Clearing"):
        with pytest.raises(CommandError, match="events seal --drop"):
            events("verify", model, database=alias)
    assert "The columns are gone" in events("seal", drop=True, database=alias)
    events("verify", "shelves.Place", "shelves.Clearing", database=alias)


@on_disk
def test_status_says_how_much_is_there_as_columns():
    given_events_that_nobody_reads()
    assert re.search(r"^No columns: [\d,]+ positions are read as events.$", events("status"), re.MULTILINE)
    columns = r"^Columns: 65,536 of [\d,]+ positions, in 1 segments of [\d.]+ MB in all$"
    assert re.search(columns, events("seal"), re.MULTILINE)
    assert re.search(columns, events("status"), re.MULTILINE)
    assert json.loads(events("status", json=True))["segments"]["positions"] == 65_536
    assert events("seal").startswith("0 segments were made")
    assert events("seal", verbosity=0) == ""


@on_disk
def test_a_follower_seals_where_there_is_nothing_else_to_do():
    given_events_that_nobody_reads()
    events("follow", once=True, seal=True)
    assert "Columns: 65,536 of" in events("status")


@on_disk
def test_an_event_that_is_no_json_is_named_and_nothing_beyond_it_is_sealed():
    damaged = Stored.objects.create(shelf="a", row=1, title="T")
    corrupt(damaged, "[1]")
    given_events_that_nobody_reads()
    with pytest.raises(CommandError, match=f"position {damaged.position}: "):
        events("seal")
    assert "cannot be sealed beyond position 0: " in events("follow", once=True, seal=True)
    assert "No columns" in events("status")


@pytest.mark.django_db
@pytest.mark.parametrize("again", [False, True])
def test_what_is_sealed_in_a_test_is_gone_after_it(again):
    assert "No columns" in events("status")
    given_events_that_nobody_reads()
    events("seal")
    assert "in 1 segments" in events("status")


@on_disk
def test_flush_throws_the_columns_away():
    given_events_that_nobody_reads()
    events("seal")
    call_command("flush", interactive=False, verbosity=0)
    assert "No columns" in events("status")
