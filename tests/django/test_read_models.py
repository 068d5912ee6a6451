"""Given events, the read models have the rows that follow from them: at once, after a rollback, and after a replay."""

import datetime
import uuid
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save, pre_save

from eventfold.errors import CorruptLog, ProjectionError
from tests.django.shelves.events import Cleared, Noted, Stored, Taken
from tests.django.shelves.read_models import Author, Diary, Place

pytestmark = pytest.mark.django_db
MOMENT = datetime.datetime(2024, 3, 31, 12, 0, 0, 250, tzinfo=datetime.timezone.utc)


def rows(model, using="default"):
    fields = [field.attname for field in model._meta.concrete_fields if field.name != "id"]
    return sorted(model.objects.using(using).values_list(*fields))


def replayed(*labels, **options):
    call_command("events", "replay", *labels, verbosity=0, **options)


def given_some_events(using="default"):
    store = Stored.objects.using(using).create
    code = uuid.uuid4()
    store(shelf="a", row=1, title="One", weight="1.10", length=0.1, acquired=MOMENT, tags=["x", {"y": 1.5}], code=code)
    store(shelf="a", row=1, title="Two", weight="2.20", length=0.2)
    Taken.objects.using(using).create(shelf="a", row=1, by="ann")
    store(shelf="b", row=1, title='Ž\n"quoted"', length=-0.5)
    store(shelf="b", row=2, title="Gone")
    Cleared.objects.using(using).create(shelf="b", row=2)
    return code


def test_a_row_is_right_when_create_returns():
    code = given_some_events()
    place = Place.objects.get(shelf="a", row=1)
    assert (place.stored, place.taken) == (2, 1)
    assert (place.first_title, place.title, place.taken_by) == ("One", None, "ann")
    assert (place.weight, place.heaviest) == (Decimal("3.30"), Decimal("2.20"))
    assert (place.length, place.shortest) == (0.1 + 0.2, 0.1)
    assert place.acquired == MOMENT
    assert place.tags == []
    assert place.code is None
    last = Taken.objects.get()
    assert (place.last_event, place.last_change) == (last.position, last.created)
    assert code
    assert Place.objects.get(shelf="b", row=1).title == 'Ž\n"quoted"'
    assert not Place.objects.filter(shelf="b", row=2).exists()


def test_json_and_uuid_columns_hold_what_django_would_have_stored():
    code = uuid.uuid4()
    Stored.objects.create(shelf="a", row=1, title="One", tags={"k": [1, None, "é"]}, code=code)
    place = Place.objects.get(tags__k__0=1, code=code)
    assert place.tags == {"k": [1, None, "é"]}


def test_a_rolled_back_event_takes_its_row_with_it():
    Stored.objects.create(shelf="a", row=1, title="One")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Stored.objects.create(shelf="a", row=1, title="Two")
        Stored.objects.create(shelf="a", row=9, title="Nine")
        raise ZeroDivisionError
    assert Place.objects.get().stored == 1
    Stored.objects.create(shelf="a", row=1, title="Three")
    assert Place.objects.get().stored == 2


@pytest.mark.parametrize("alias", ["default", "memory"])
@pytest.mark.django_db(databases=["default", "memory"])
def test_a_replay_gives_the_rows_that_living_through_it_gave(alias):
    given_some_events(alias)
    Noted.objects.using(alias).create(author="bob", words=3)
    before = [rows(model, alias) for model in (Place, Diary, Author)]
    replayed(database=alias)
    assert [rows(model, alias) for model in (Place, Diary, Author)] == before


@pytest.mark.django_db(databases=["default", "memory"])
@pytest.mark.parametrize("alias", ["default", "memory"])
def test_a_replay_mends_rows_that_have_drifted(alias):
    given_some_events(alias)
    Noted.objects.using(alias).create(author="bob", words=3)
    before = [rows(model, alias) for model in (Place, Diary, Author)]
    Place.objects.using(alias).filter(shelf="a").update(stored=99, title="wrong")
    Place.objects.using(alias).filter(shelf="b").delete()
    Place.objects.using(alias).create(shelf="z", row=0)
    Diary.objects.using(alias).update(story="lies")
    Author.objects.using(alias).update(words=-1)
    Author.objects.using(alias).create(name="nobody")
    replayed(database=alias)
    assert [rows(model, alias) for model in (Place, Diary, Author)] == before


def test_bulk_create_folds_the_whole_batch():
    Stored.objects.bulk_create([Stored(shelf="a", row=n % 3, title=str(n), weight="0.10") for n in range(100)])
    assert [place.stored for place in Place.objects.order_by("row")] == [34, 33, 33]
    assert Place.objects.get(row=0).weight == Decimal("3.40")
    assert Place.objects.get(row=0).title == "99"
    before = rows(Place)
    replayed("shelves.Place")
    assert rows(Place) == before


def test_handlers_see_rows_and_events_in_log_order_together_with_native_operations():
    Stored.objects.create(shelf="a", row=1, title="One", weight="1.50")
    Taken.objects.create(shelf="a", row=1, by="ann")
    Stored.objects.bulk_create([Stored(shelf="a", row=1, title=title) for title in ("Two", "Three")])
    diary = Diary.objects.get()
    assert diary.story == "1:One taken by ann 2:Two 3:Three "
    assert diary.weights == ["1.50"]
    assert diary.latest == Stored.objects.latest("position").created
    Diary.objects.all().delete()
    replayed("shelves.Diary")
    assert rows(Diary) == [("a", 3, diary.story, diary.latest, diary.weights)]


def test_a_handler_that_raises_undoes_the_append(monkeypatch):
    def fail(self, row, connection):
        raise RuntimeError("no")

    monkeypatch.setattr("eventfold.django.handlers.RowHandler._instance", fail)
    with pytest.raises(RuntimeError, match="no"):
        Stored.objects.create(shelf="a", row=1, title="One")
    assert Stored.objects.count() == 0
    assert Place.objects.count() == 0


def test_an_append_within_a_handler_is_refused(monkeypatch):
    monkeypatch.setattr(
        "eventfold.django.handlers.RowHandler.__call__", lambda *args: Noted.objects.create(author="x", words=1)
    )
    with pytest.raises(ProjectionError, match="@on"):
        Stored.objects.create(shelf="a", row=1, title="One")
    assert Stored.objects.count() == Noted.objects.count() == 0


def test_receivers_run_for_new_events_and_never_on_a_replay():
    seen = []

    def receiver(sender, instance, **kwargs):
        seen.append(instance.position)

    for signal in (pre_save, post_save):
        signal.connect(receiver, sender="shelves.Stored")
    try:
        given_some_events()
        assert len(seen) == 8
        replayed()
        assert len(seen) == 8
    finally:
        for signal in (pre_save, post_save):
            signal.disconnect(receiver, sender=Stored)


def test_a_missing_key_undoes_the_append_and_says_which():
    Stored.objects.create(shelf="a", row=1, title="One")
    with connection.cursor() as cursor:
        cursor.execute("SELECT type_id FROM eventfold_event")
        type_id = cursor.fetchone()[0]
        # as another program might write it
        cursor.execute(
            "INSERT INTO eventfold_event (position, type_id, created, data, event_id) "
            "SELECT head + 1, %s, last_created, '{\"row\":1}', x'00' FROM eventfold_header",
            [type_id],
        )
        cursor.execute("UPDATE eventfold_header SET head = head + 1, stamp = random()")
    before = rows(Place)
    with pytest.raises(CommandError, match=r'shelves\.Place, the event shelves\.Stored at position \d+.*"shelf"'):
        replayed("shelves.Place")
    assert rows(Place) == before


@pytest.mark.parametrize("data", ["no json", '{"shelf":7,"row":1,"title":"x"}', '{"shelf":"a","row":1'])
def test_a_corrupt_event_stops_the_replay_and_says_where(data):
    Stored.objects.create(shelf="a", row=1, title="One")
    event = Stored.objects.create(shelf="a", row=1, title="Two")
    before = rows(Place)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO eventfold_unlocked VALUES ('test')")
        cursor.execute("UPDATE eventfold_event SET data = %s WHERE position = %s", [data, event.position])
        cursor.execute("DELETE FROM eventfold_unlocked")
    with pytest.raises(CommandError, match=f"shelves.Stored at position {event.position}") as raised:
        replayed("shelves.Place")
    assert isinstance(raised.value.__cause__, CorruptLog)
    assert rows(Place) == before


def test_ctrl_c_leaves_the_rows_as_they_were(monkeypatch):
    given_some_events()
    Place.objects.update(stored=7)
    before = rows(Place)

    def interrupt(self, done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr("eventfold.django.management.progress.ProgressLine.update", interrupt)
    with pytest.raises(CommandError, match="interrupted") as raised:
        replayed("shelves.Place")
    assert raised.value.returncode == 130
    assert rows(Place) == before


def test_a_table_that_does_not_take_a_row_says_so(monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.shelves_place BEGIN SELECT RAISE(ABORT, 'not here'); END"
        )
    with pytest.raises((ProjectionError, IntegrityError), match="not here"):
        Stored.objects.create(shelf="a", row=1, title="One")
    assert Stored.objects.count() == 0
