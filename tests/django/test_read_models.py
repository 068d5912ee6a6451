"""Read models are kept inline: right when create returns, gone after a rollback, and nobody else's to write."""

import uuid
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from eventfold.errors import ProjectionError, WrongLog
from tests.django.shelves.events import Cleared, Noted, Stored, Taken
from tests.django.shelves.helpers import MOMENT, given_some_events, replayed, rows
from tests.django.shelves.read_models import Author, Diary, Place

pytestmark = pytest.mark.django_db


def test_a_row_is_right_when_create_returns():
    given_some_events()
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
        Noted.objects.create(author="bob", words=1)
        raise ZeroDivisionError
    assert Place.objects.get().stored == 1
    assert not Author.objects.exists()
    Stored.objects.create(shelf="a", row=1, title="Three")
    assert Place.objects.get().stored == 2


def test_bulk_create_folds_the_whole_batch():
    Stored.objects.bulk_create([Stored(shelf="a", row=n % 3, title=str(n), weight="0.10") for n in range(100)])
    assert [place.stored for place in Place.objects.order_by("row")] == [34, 33, 33]
    assert Place.objects.get(row=0).weight == Decimal("3.40")
    assert Place.objects.get(row=0).title == "99"


def test_an_append_with_its_read_models_is_one_query(django_assert_num_queries):
    Cleared.objects.create(shelf="a", row=1)  # opens and compiles what is needed
    with django_assert_num_queries(1):
        Cleared.objects.create(shelf="a", row=1)


def test_a_row_that_lies_beside_the_live_one_is_not_touched():
    Stored.objects.create(shelf="a", row=1, title="One")
    Stored.objects.create(shelf="a", row=2, title="Two")
    before = Place.objects.filter(row=2).values().get()
    Stored.objects.create(shelf="a", row=1, title="Three")
    assert Place.objects.filter(row=2).values().get() == before


@pytest.mark.parametrize(
    "write",
    [
        lambda: Place.objects.create(shelf="a", row=1),
        lambda: Place(shelf="a", row=1).save(),
        lambda: Place.objects.bulk_create([Place(shelf="a", row=1)]),
        lambda: Place.objects.update(stored=1),
        lambda: Place.objects.get_or_create(shelf="z", row=1),
        lambda: Place.objects.update_or_create(shelf="b", row=1, defaults={"stored": 5}),
        lambda: Place.objects.bulk_update(Place.objects.all(), ["stored"]),
        lambda: Place.objects.first().save(),
    ],
)
def test_writing_rows_by_hand_is_refused(write):
    given_some_events()
    before = rows(Place)
    with pytest.raises(ProjectionError, match=r"shelves.Place: \w+\(\) is refused.*events replay shelves.Place"):
        write()
    assert rows(Place) == before


def test_rows_that_are_deleted_by_hand_make_a_replay_due(capsys):
    given_some_events()
    replayed()
    before = rows(Place)
    Place.objects.filter(shelf="a").delete()
    Place.objects.first().delete()
    call_command("check", tags=["database"], databases=["default"])
    assert "A replay of shelves.Place is due in the database 'default': " in capsys.readouterr().err
    replayed("shelves.Place")
    assert rows(Place) == before
    call_command("check", tags=["database"], databases=["default"])
    assert "is due" not in capsys.readouterr().err


def test_loaddata_may_write_rows(tmp_path):
    given_some_events()
    before = Diary.objects.get(shelf="a").story
    fixture = tmp_path / "diary.json"
    call_command("dumpdata", "shelves.Diary", output=str(fixture))
    Diary.objects.all().delete()
    call_command("loaddata", str(fixture), verbosity=0)
    assert Diary.objects.get(shelf="a").story == before


def test_rows_of_another_log_take_no_event():
    given_some_events()
    replayed()
    from eventfold.django import registry

    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET log_id = 'another' WHERE name = 'shelves.Place'")
    registry.forget()
    try:
        with pytest.raises(WrongLog, match=r"events replay shelves\.Place --database default"):
            Stored.objects.create(shelf="a", row=1, title="One")
        replayed("shelves.Place")
        Stored.objects.create(shelf="a", row=1, title="One")
    finally:
        registry.forget()


def test_a_table_that_does_not_take_a_row_undoes_the_append():
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.shelves_place BEGIN SELECT RAISE(ABORT, 'not here'); END"
        )
    try:
        with pytest.raises(ProjectionError, match=r"shelves\.Place.*not here"):
            Stored.objects.create(shelf="a", row=1, title="One")
        assert Stored.objects.count() == 0
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER temp.refuse")


def test_a_table_that_is_missing_undoes_the_append_and_says_what_to_do():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shelves_place RENAME TO elsewhere")
    with pytest.raises((ProjectionError, DatabaseError), match="shelves_place"):
        Stored.objects.create(shelf="a", row=1, title="One")
    assert Stored.objects.count() == 0


@pytest.mark.django_db(databases=["default", "memory"])
def test_each_database_has_rows_of_its_own_log():
    Stored.objects.using("default").create(shelf="a", row=1, title="One")
    Stored.objects.using("memory").create(shelf="a", row=2, title="Two")
    assert [place.row for place in Place.objects.using("default")] == [1]
    assert [place.row for place in Place.objects.using("memory")] == [2]
