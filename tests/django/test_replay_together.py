"""Several read models are rebuilt in one reading of the log, and each for itself."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from eventfold import EventLog, NewEvent
from eventfold.django.read_model_state import state_of
from eventfold.django.replay import Failure, in_one_reading, replay, replay_together
from eventfold.django.test_databases import empty_log
from eventfold.errors import CorruptLog, ProjectionError, WrongLog
from tests.django.project import Failed, Project
from tests.django.shelves.events import Cleared, Stored
from tests.django.shelves.helpers import by_hand, corrupt, given_some_events, rows
from tests.django.shelves.read_models import Author, Clearing, Diary, Longest, Place, Word

both = pytest.mark.django_db(databases=["default", "memory"])
on_disk = pytest.mark.django_db(transaction=True)


def outcomes(*models, using="default", **options):
    return {done.model: done for done in replay_together(models, using, **options)}


def test_those_that_run_no_python_are_read_for_together():
    groups = in_one_reading([Place, Diary, Clearing, Author, Longest, Clearing, Word])
    assert [set(group) for group in groups] == [{Place, Clearing}, {Diary}, {Author}, {Longest, Word}]


@both
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_together_they_get_the_rows_that_each_gets_alone(alias, threads):
    given_some_events(alias)
    Cleared.objects.using(alias).bulk_create([Cleared(shelf=str(n * n % 97), row=n) for n in range(5000)])
    right = {model: rows(model, alias) for model in (Place, Clearing)}
    by_hand(Place, alias).filter(shelf="a").update(stored=99, title="wrong")
    by_hand(Clearing, alias).filter(shelf="4").delete()
    done = outcomes(Place, Clearing, using=alias, threads=threads)
    assert {model: rows(model, alias) for model in (Place, Clearing)} == right
    assert (done[Place].updated, done[Clearing].inserted) == (1, 1)


@on_disk
def test_each_takes_in_what_was_appended_until_its_own_turn():
    given_some_events()
    replaying = replay_together([Place, Clearing], "default")
    by_hand(Place).update(stored=0)
    first = next(replaying)
    assert first.model is Place
    Stored.objects.create(shelf="a", row=1, title="Three")
    Cleared.objects.bulk_create([Cleared(shelf="c", row=n) for n in range(500)])
    by_hand(Clearing).update(times=0)
    (second,) = replaying
    assert second.head == first.head + 501
    assert Place.objects.get(shelf="a").stored == 3
    assert Clearing.objects.get(shelf="c").times == 500


@both
def test_one_that_fails_leaves_its_rows_and_lets_the_others_go_on(alias):
    Cleared.objects.using(alias).create(shelf="b", row=1)
    event = Stored.objects.using(alias).create(shelf="a", row=1, title="One")
    corrupt(event, '{"row":1,"title":"no shelf"}', alias)
    by_hand(Place, alias).update(stored=7)
    by_hand(Clearing, alias).update(times=7)
    done = outcomes(Place, Clearing, using=alias)
    assert isinstance(done[Place], Failure)
    assert isinstance(done[Place].error, ProjectionError)
    assert f'shelves.Stored at position {event.position}: its key "shelf" is null' in str(done[Place].error)
    assert Place.objects.using(alias).get().stored == 7
    assert Clearing.objects.using(alias).get().times == 1


@both
def test_a_damaged_event_fails_those_that_read_it(alias):
    Cleared.objects.using(alias).create(shelf="b", row=1)
    event = Stored.objects.using(alias).create(shelf="a", row=1, title="One")
    for data in ("no json", b"\xff"):
        by_hand(Place, alias).update(stored=7)
        by_hand(Clearing, alias).update(times=7)
        corrupt(event, data, alias)
        done = outcomes(Place, Clearing, using=alias)
        assert isinstance(done[Place].error, CorruptLog)
        assert Place.objects.using(alias).get().stored == 7
        assert Clearing.objects.using(alias).get().times == 1
    with pytest.raises(CommandError, match=r"at position \d+") as raised:
        call_command("events", "replay", "shelves.Place", "shelves.Clearing", database=alias, verbosity=0)
    assert isinstance(raised.value.__cause__, CorruptLog)


@on_disk
@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupt_ends_it_with_all_tables_as_they_were(threads):
    given_some_events()
    by_hand(Place).update(stored=7)
    before = rows(Place), rows(Clearing)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcomes(Place, Clearing, threads=threads, progress=interrupt)
    assert (rows(Place), rows(Clearing)) == before
    Stored.objects.create(shelf="a", row=1, title="x")  # the connection works on


@on_disk
def test_a_log_that_is_emptied_meanwhile_is_an_error_of_each():
    given_some_events()

    def elsewhere(done, total):
        def empty():
            empty_log(connections["default"])
            connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(empty).result()

    done = outcomes(Place, Clearing, progress=elsewhere)
    for model in (Place, Clearing):
        assert isinstance(done[model].error, WrongLog)
        assert "run `manage.py events replay` again" in str(done[model].error)


@on_disk
def test_what_another_program_appended_is_folded_once_by_each():
    Stored.objects.create(shelf="q", row=1, title="Emma")
    Cleared.objects.create(shelf="r", row=1)
    for _ in range(2):
        with EventLog(connection.settings_dict["NAME"]) as log:
            log.append("shelves.Taken", {"shelf": "q", "row": 1, "by": "ann"})
            log.append("shelves.Cleared", {"shelf": "r", "row": 1})
        outcomes(Place, Clearing)
    Stored.objects.create(shelf="z", row=1, title="x")  # an append folds what is new
    assert Place.objects.get(shelf="q").taken == 2
    assert Clearing.objects.get(shelf="r").times == 3
    assert all(done.updated == 0 for done in outcomes(Place, Clearing).values())


@on_disk
@pytest.mark.parametrize("models", [[Place, Clearing], [Clearing]])
def test_much_that_another_program_appended_is_folded_in_pieces_and_once(models, monkeypatch):
    monkeypatch.setattr("eventfold.django.replay._MUCH", 7)
    given_some_events()
    diary = rows(Diary)
    with EventLog(connection.settings_dict["NAME"]) as log:
        log.append([NewEvent("shelves.Taken", {"shelf": "a", "row": 1, "by": "ann"}) for _ in range(30)])
        log.append([NewEvent("shelves.Cleared", {"shelf": "r", "row": 1}) for _ in range(30)])
    for model in models:
        by_hand(model).update(**{"stored" if model is Place else "times": 99})
    assert not [done for done in outcomes(*models).values() if isinstance(done, Failure)]
    assert rows(Diary) != diary  # the others have seen them
    Cleared.objects.create(shelf="r", row=1)
    assert Place.objects.get(shelf="a").taken == 31
    assert Place.objects.get(shelf="a").stored == 2
    assert Clearing.objects.get(shelf="r").times == 31
    assert state_of(Clearing, "default").problem == ""
    for model in (Place, Clearing, Diary):
        assert outcomes(model)[model].updated == 0


@on_disk
def test_a_replay_that_dies_before_it_has_written_such_events_is_due(monkeypatch):
    monkeypatch.setattr("eventfold.django.replay._MUCH", 7)
    given_some_events()
    with EventLog(connection.settings_dict["NAME"]) as log:
        log.append([NewEvent("shelves.Cleared", {"shelf": "r", "row": 1}) for _ in range(30)])
    replaying = replay_together([Place, Clearing], "default")
    next(replaying)
    replaying.close()  # as if it had been killed
    assert state_of(Place, "default").problem == ""
    assert state_of(Clearing, "default").problem == "events were loaded past it, or its rows were deleted"
    outcomes(Clearing)
    assert Clearing.objects.get(shelf="r").times == 30
    assert state_of(Clearing, "default").problem == ""


MODELS = """
from django.db.models import Q
from eventfold.django import Count, Latest, ReadModel, Sum, on

class Sold(Event):
    item = models.BigIntegerField()
    shop = models.CharField(max_length=20)
    price = models.IntegerField()

class Bought(Event):
    item = models.BigIntegerField()
    price = models.IntegerField()

class Item(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    class Projection:
        key = "item"
        @on(Sold)
        def sells(row, event):
            row.sold += 1
"""
ONE = """
class Item{n}(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    balance = models.IntegerField(default=0)
    class Projection:
        key = "item"
        sold = Count(Sold, filter=Q(price__gt={n}))
        balance = Sum((Sold, "price"), (Bought, "price", -1))
"""


def test_twenty_of_them_and_one_that_has_no_table_yet(tmp_path):
    project = Project(tmp_path)
    project.models(MODELS + "".join(ONE.format(n=n) for n in range(20)))
    project.update()
    project.python(
        """
        from shop.models import *
        Sold.objects.bulk_create([Sold(item=n % 300, shop=str(n % 7), price=n % 25) for n in range(6000)])
        Bought.objects.bulk_create([Bought(item=n % 300, price=n % 5) for n in range(3000)])
        """
    )
    right = [project.rows(f"SELECT * FROM shop_item{n} ORDER BY item") for n in range(20)]
    project.python("from shop.models import *\nmodels.QuerySet(Item3).filter(item__lt=3).delete()")
    project.models(MODELS + "".join(ONE.format(n=n) for n in range(21)))
    with pytest.raises(Failed) as raised:
        project.run("events", "replay")
    said = str(raised.value)
    assert "21 read models in one reading: 9,000 events in " in said
    assert "shop.Item3: 300 rows, of which 3 are new, 0 changed; 0 removed" in said
    assert "shop.Item: 9,000 events in " in said
    assert "CommandError: shop.Item20 has no table in the database 'default': run `manage.py migrate" in said
    assert [project.rows(f"SELECT * FROM shop_item{n} ORDER BY item") for n in range(20)] == right


@pytest.mark.django_db
def test_one_alone_is_replayed_as_ever():
    given_some_events()
    (done,) = replay_together([Place], "default")
    assert (done.rows, done.head) == (replay(Place, "default")[0].rows, done.head)
