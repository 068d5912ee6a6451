"""Follow, replay and writers, killed at random moments under load: every read model is right, no event is seen twice.

`make faults` kills 200 times; EVENTFOLD_KILLS says how often.
"""

import os
import random
import time

import pytest

from tests.django.project import Project
from tests.django.sold_items import SOLD_ITEMS
from tests.django.starter import Starter

KILLS = int(os.environ.get("EVENTFOLD_KILLS", "30"))

MODELS = (
    SOLD_ITEMS
    + """
class Old(Event):
    item = models.BigIntegerField()

class Seen(ReadModel):
    position = models.BigIntegerField(primary_key=True)
    times = models.IntegerField(default=0)
    class Projection:
        lifecycle = "async"
        key = "position"
        times = Count(Sold)

class Shelves(ReadModel):
    key = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=20, null=True)
    changes = models.IntegerField(default=0)
    class Projection:
        key = "key"
        name = Latest(("shop.ShelfCreated", "new_name"), ("shop.ShelfChanged", "new_name"))
        changes = Count("shop.ShelfChanged")
        delete_on = "shop.ShelfDeleted"

# no event is appended for these: what is in their tables is what a replay left there
class Folded(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    times = models.IntegerField(default=0)
    class Projection:
        key = "item"
        times = Count(Old)

class Projected(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    times = models.IntegerField(default=0)

@projector("shop.Old", reads="shop.Projected")
def count(event):
    Projected.objects.get_or_create(item=event.item)
    Projected.objects.filter(item=event.item).update(times=F("times") + 1)
"""
)

FUNCTIONS = """
    import os, random, time
    from django.core.management import call_command
    from django.db import connection, transaction
    from shop.models import *

    def follow():
        call_command("events", "follow", verbosity=0)

    def replay():
        damage = [f"UPDATE {model._meta.db_table} SET times = -1" for model in (Folded, Projected)]
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                for sql in damage:
                    cursor.execute(sql)
            for models in (["shop.Folded", "shop.Projected"], []):
                call_command("events", "replay", *models, threads=random.choice([1, 2, 3]), verbosity=0,
                             save_every=random.choice([0, 10]), batch=random.choice([30, None]))

    def write():
        acknowledged = os.open("acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        sold = lambda: Sold(item=random.randrange(50), price=random.randrange(9), weight=random.random())
        while True:
            with transaction.atomic():
                events = [Sold.objects.create(item=event.item, price=event.price, weight=event.weight)
                          for event in [sold() for _ in range(random.randrange(1, 4))]]
                Shelf.objects.update_or_create(pk=random.randrange(9), defaults={"name": str(random.random())})
            if random.random() < 0.1:
                events += Sold.objects.bulk_create([sold() for _ in range(random.randrange(200))])
            if random.random() < 0.1:
                Shelf.objects.filter(pk=random.randrange(9)).delete()
            os.write(acknowledged, "".join(f"{event.position}\\n" for event in events).encode())
            time.sleep(0.002)
"""


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    project.models(MODELS)
    project.update()
    project.python(
        """
        from shop.models import *
        Old.objects.bulk_create(Old(item=n % 17) for n in range(100))
        Sold.objects.bulk_create(Sold(item=n % 50, price=n % 7, weight=n / 7) for n in range(25_000))
        """
    )
    project.run("events", "follow", "--once")
    return project


@pytest.mark.slow
def test_whatever_is_killed_every_read_model_is_right_and_no_event_is_seen_twice(project):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}, {KILLS} kills")
    moments = random.Random(seed)
    whole = project.rows("SELECT * FROM shop_folded ORDER BY item")
    damaged = [(item, -1) for item, _ in whole]
    starter = Starter(project, FUNCTIONS)
    running = {name: starter.start(name) for name in ("follow", "replay", "write")}
    replayed = set()
    for number in range(KILLS):
        time.sleep(moments.random() * 0.3)
        name = ("replay", "follow", "write")[number % 3] if number < 3 else moments.choice(list(running))
        starter.kill(running.pop(name))
        if name == "replay":  # as it was before, or as the log says: nothing in between
            for table in ("shop_folded", "shop_projected"):
                rows = project.rows(f"SELECT * FROM {table} ORDER BY item")
                assert rows in (whole, damaged)
                replayed.add((table, rows == whole))
        running[name] = starter.start(name)
    for pid in running.values():
        starter.kill(pid)
    starter.end()
    assert project.rows("PRAGMA integrity_check") == [("ok",)]

    project.run("events", "follow", "--once")
    untouched = ("Inline", "Native", "Handled", "Seen", "Shelves")
    assert "all as the log says" in project.run("events", "verify", *(f"shop.{name}" for name in untouched))
    assert_as_sql_counts(project)
    acknowledged = [int(line) for line in (project.folder / "acknowledged").read_text().splitlines()]
    assert len(acknowledged) == len(set(acknowledged)) > 0
    assert set(acknowledged) <= {position for (position,) in project.rows("SELECT position FROM shop_sold")}
    project.run("events", "replay", "shop.Folded", "shop.Projected")
    assert "all as the log says" in project.run("events", "verify")
    assert project.rows("SELECT * FROM shop_folded ORDER BY item") == whole
    print(f"{len(acknowledged)} acknowledged; replays found whole and damaged: {sorted(replayed)}")


def assert_as_sql_counts(project: Project) -> None:
    """What the log says, without a fold."""
    counted = project.rows("SELECT item, count(*), sum(price), max(position) FROM shop_sold GROUP BY item ORDER BY 1")
    assert counted
    for table in ("shop_inline", "shop_native", "shop_handled"):
        assert project.rows(f"SELECT item, sold, earned, last FROM {table} ORDER BY 1") == counted
    assert project.rows("SELECT * FROM shop_seen ORDER BY 1") == project.rows(
        "SELECT position, 1 FROM shop_sold ORDER BY 1"
    )
    assert project.rows("SELECT key, name FROM shop_shelves ORDER BY 1") == project.rows(
        "SELECT id, name FROM shop_shelf ORDER BY 1"
    )
