"""A bootstrap while other programs write, and one that is killed; each kind of key."""

import json
import sqlite3
import time

import pytest

from tests.django.project import Failed, Project

ITEM = """
from eventfold.django import track

class Item(models.Model):
    name = models.CharField(max_length=50)
    number = models.IntegerField(default=0)
"""

WRITER = """
import itertools, json, random, sqlite3, sys, time
from django.db import connection
from shop.models import Item

random.seed({seed})
print("ready", flush=True)
slowest = 0
for n in itertools.count():
    began = time.perf_counter()
    key = random.randrange(1, {rows})
    kind = n % 4
    if kind == 0:
        Item.objects.filter(pk=key).update(number=n)
    elif kind == 1:
        Item.objects.filter(pk=key).delete()
    elif kind == 2:
        Item.objects.get_or_create(pk=key, defaults={{"name": "back"}})
    else:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE shop_item SET id = %s WHERE id = %s", [{rows} * 10 + {seed} * 100000 + n, key])
    slowest = max(slowest, time.perf_counter() - began)
    time.sleep(0.001)
    if n % 20 == 19:
        print(n + 1, slowest, flush=True)
"""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def given_rows(project, rows):
    """Rows from before tracking, then tracking."""
    project.models(ITEM)
    project.update()
    project.python(
        f"""
        from shop.models import Item
        Item.objects.bulk_create([Item(name=f"item {{n}}", number=n) for n in range({rows})])
        """
    )
    project.models(ITEM + "\ntrack(Item)\n")
    project.migrate()


def stop(process):
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def lives(project):
    """Each row's events by its key, in order: (action, data); and the rows of the table."""
    found = {}
    for name, data in project.rows(
        "SELECT t.name, e.data FROM eventfold_event AS e JOIN eventfold_type AS t ON t.id = e.type_id "
        "WHERE t.name LIKE 'shop.Item%' ORDER BY e.position"
    ):
        data = json.loads(data)
        found.setdefault(data["key"], []).append((name.removeprefix("shop.Item").lower(), data))
    return found, {row[0]: row[1:] for row in project.rows("SELECT id, name, number FROM shop_item")}


def check(project, rows):
    """Every row begins once in the log, and folded it is what the table has."""
    found, table = lives(project)
    assert set(table) <= set(found)
    for key, events in found.items():
        alive = None  # whether a first event is there; None: it may have been there before tracking
        state = {}
        for action, data in events:
            if action in ("created", "existed"):
                assert not alive, f"{key} begins twice: {events}"
                alive, state = True, {}
            elif action == "deleted":
                assert alive or (alive is None and key <= rows), f"{key} ends without a beginning: {events}"
                alive = False
            state.update({name[4:]: value for name, value in data.items() if name.startswith("new_")})
        assert bool(alive) == (key in table), f"{key}: {events}"
        if alive:
            assert (state["name"], state["number"]) == table[key]


@pytest.mark.slow
def test_no_row_is_lost_or_doubled_while_others_write(project):
    rows = 60_000
    given_rows(project, rows)
    writers = [project.start(WRITER.format(seed=seed, rows=rows)) for seed in (1, 2)]
    try:
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        with sqlite3.connect(project.folder / "db.sqlite3") as connection:
            (before,) = connection.execute("SELECT max(position) FROM eventfold_event").fetchone()
        out = project.run("events", "bootstrap")
        with sqlite3.connect(project.folder / "db.sqlite3") as connection:
            written = connection.execute(
                "SELECT count(*) FROM eventfold_event AS e JOIN eventfold_type AS t ON t.id = e.type_id WHERE "
                "t.name <> 'shop.ItemExisted' AND e.position BETWEEN ? AND (SELECT max(position) FROM eventfold_event "
                "WHERE type_id = (SELECT id FROM eventfold_type WHERE name = 'shop.ItemExisted'))",
                [before or 0],
            ).fetchone()
    finally:
        for writer in writers:
            stop(writer)
    assert "shop.Item: " in out
    assert written[0] > 20, "nobody wrote beside it"
    check(project, rows)
    actions = [action for events in lives(project)[0].values() for action, _ in events]
    assert {"created", "changed", "deleted", "existed"} == set(actions)
    project.run("events", "bootstrap")
    assert [action for events in lives(project)[0].values() for action, _ in events].count("existed") == actions.count(
        "existed"
    )


@pytest.mark.slow
def test_one_that_is_killed_goes_on_where_it_is_run_again(project):
    rows = 100_000
    given_rows(project, rows)

    def done():
        return project.rows(
            "SELECT count(*) FROM eventfold_event WHERE type_id = (SELECT id FROM eventfold_type WHERE name = "
            "'shop.ItemExisted')"
        )[0][0]

    for _ in range(3):
        before = done()
        process = project.start("from django.core.management import call_command; call_command('events', 'bootstrap')")
        until = time.monotonic() + 60
        while done() == before and time.monotonic() < until:
            time.sleep(0.002)
        stop(process)
        assert before < done() < rows
    killed_at = done()
    out = project.run("events", "bootstrap")
    assert f"shop.Item: {rows - killed_at:,} rows have their first event now; {killed_at:,} had one" in out
    assert done() == rows
    assert not list(project.folder.glob("*.lock"))
    check(project, rows)


def test_a_second_one_is_refused_while_the_first_runs_and_not_when_it_was_killed(project):
    given_rows(project, 10)
    process = project.start(
        """
        import time
        from django.db import connection
        from eventfold.django.tracking.bootstrap import only_one
        with only_one(connection):
            print("held", flush=True)
            time.sleep(60)
        """
    )
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Failed, match="Another bootstrap of the database 'default' is running"):
            project.run("events", "bootstrap")
    finally:
        stop(process)
    assert "shop.Item: 10 rows" in project.run("events", "bootstrap")


def test_where_sqlite_is_reached_by_a_cursor_alone_it_says_the_same(project, monkeypatch):
    given_rows(project, 300)
    monkeypatch.setenv("EVENTFOLD_SQLITE_WAY", "dbapi")
    assert "shop.Item: 300 rows have their first event now" in project.run("events", "bootstrap")
    monkeypatch.undo()
    assert "shop.Item: 0 rows" in project.run("events", "bootstrap")
    check(project, 300)


KEYS = """
import uuid
from eventfold.django import track

class ByNumber(models.Model):
    key = models.BigIntegerField(primary_key=True)
class ByText(models.Model):
    key = models.CharField(max_length=20, primary_key=True)
class ByFoldedText(models.Model):
    key = models.CharField(max_length=20, primary_key=True, db_collation="NOCASE")
class ByUuid(models.Model):
    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
class ByDate(models.Model):
    key = models.DateField(primary_key=True)
class ByMoment(models.Model):
    key = models.DateTimeField(primary_key=True)
class ByDecimal(models.Model):
    key = models.DecimalField(max_digits=8, decimal_places=2, primary_key=True)
class ByFloat(models.Model):
    key = models.FloatField(primary_key=True)
class ByBytes(models.Model):
    key = models.BinaryField(max_length=20, primary_key=True)
class Reference(models.Model):
    key = models.OneToOneField(ByText, primary_key=True, on_delete=models.CASCADE)
class ByTwo(models.Model):
    pk = models.CompositePrimaryKey("shelf", "row")
    shelf = models.CharField(max_length=5)
    row = models.IntegerField()
    title = models.CharField(max_length=20)
MODELS = [ByNumber, Reference, ByText, ByFoldedText, ByUuid, ByDate, ByMoment, ByDecimal, ByFloat, ByBytes, ByTwo]
"""


def test_every_kind_of_key(project):
    project.models(KEYS)
    project.update()
    out = project.python(
        """
        import datetime, decimal, uuid
        from shop.models import *
        day = datetime.date(2024, 1, 1)
        moment = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
        values = {
            ByNumber: [-(2**63), -1, 0, 7, 2**63 - 1],
            ByText: ["", "a", "B", "it's", "é"],
            ByFoldedText: ["", "a", "B", "it's", "é"],
            ByUuid: [uuid.UUID(int=n**20) for n in range(5)],
            ByDate: [day + datetime.timedelta(days=n) for n in range(5)],
            ByMoment: [moment + datetime.timedelta(seconds=n / 2) for n in range(5)],
            ByDecimal: [decimal.Decimal(n) / 4 for n in range(5)],
            ByFloat: [-1.5, 0.0, 0.1, 1 / 3, 1e300],
            ByBytes: [b"", b"a", b"\\0", b"\\xff", b"ab"],
        }
        for model, keys in values.items():
            model.objects.bulk_create([model(key=key) for key in keys])
        Reference.objects.bulk_create([Reference(key_id=key) for key in values[ByText]])
        ByTwo.objects.bulk_create([ByTwo(shelf=s, row=r, title="x") for s in "ab" for r in range(3)][:5])
        """
    )
    project.models(KEYS + "for model in MODELS:\n    track(model)\n")
    project.migrate()
    out = project.python(
        """
        from django.core.management import call_command
        from eventfold.django import as_of, events_of, history
        from eventfold.django.tracking import pace
        from eventfold.django.tracking.bootstrap import bootstrap
        from shop.models import *
        pace._FIRST = pace._MOST = 2
        for model in MODELS:
            first = model.objects.first()
            key = first.pk
            first.delete()
            first.pk = key
            first.save(force_insert=True)
            done, again = bootstrap(model, "default"), bootstrap(model, "default")
            print(model.__name__, tuple(done), tuple(again), events_of(model).existed.objects.count())
            if model not in (ByDecimal, ByFloat, ByBytes):
                for row in model.objects.all():
                    assert as_of(row, history(row)[0].position).pk == row.pk
        print(sorted(events_of(ByTwo).existed.objects.values_list("key", flat=True)))
        """
    )
    *lines, last = out.splitlines()
    names = "ByNumber Reference ByText ByFoldedText ByUuid ByDate ByMoment ByDecimal ByFloat ByBytes ByTwo"
    assert lines == [f"{name} (5, 4) (5, 0) 4" for name in names.split()]
    assert last == """['["a",1]', '["a",2]', '["b",0]', '["b",1]']"""
