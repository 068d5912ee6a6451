"""`events verify` while another process writes: it never tells of drift where there is none."""

import time

import pytest

from tests.django.project import Failed, Project

MODELS = """
    from django.db.models import F
    from eventfold.django import Count, Latest, ReadModel, Sum, on, projector, track
    class Sold(Event):
        item = models.BigIntegerField()
        price = models.DecimalField(max_digits=8, decimal_places=2)
        weight = models.FloatField()
    class Counted(Event):
        item = models.BigIntegerField()
    class Other(Event):
        number = models.BigIntegerField()
    class Item(ReadModel):
        item = models.BigIntegerField(primary_key=True)
        sold = models.IntegerField(default=0)
        price = models.DecimalField(max_digits=12, decimal_places=2, default=0)
        weight = models.FloatField(default=0)
        class Projection:
            key = "item"
            sold = Count(Sold)
            price = Sum(Sold, "price")
            weight = Sum(Sold, "weight")
    class Story(ReadModel):
        item = models.BigIntegerField(primary_key=True)
        seen = models.IntegerField(default=0)
        class Projection:
            key = "item"
            @on(Sold)
            def sees(row, event):
                row.seen += 1
    class Good(models.Model):
        name = models.CharField(max_length=20)
    track(Good)
    class GoodList(ReadModel):
        key = models.BigIntegerField(primary_key=True)
        name = models.CharField(max_length=20, null=True)
        changes = models.IntegerField(default=0)
        class Projection:
            key = "key"
            name = Latest(("shop.GoodCreated", "new_name"), ("shop.GoodChanged", "new_name"))
            changes = Count("shop.GoodChanged")
            delete_on = "shop.GoodDeleted"
    class Tally(ReadModel):
        item = models.BigIntegerField(primary_key=True)
        sold = models.IntegerField(default=0)
    @projector("shop.Counted", reads="shop.Tally")
    def count(event):
        tally, _ = Tally.objects.get_or_create(item=event.item)
        Tally.objects.filter(item=event.item).update(sold=F("sold") + 1)
"""

WRITER = """
import random, sqlite3, sys, time
from django.db import transaction
from shop.models import *
raw = sqlite3.connect("db.sqlite3", timeout=20)
print("started", flush=True)
while True:
    sold = [Sold(item=n % 50, price="1.10", weight=random.random()) for n in range(random.randrange(1, 9))]
    with transaction.atomic():
        for event in sold:
            event.save()
        Counted.objects.create(item=random.randrange(50))
        Good.objects.create(name="new")
        Good.objects.filter(pk__in=random.sample(range(1, 60), 5)).update(name=str(random.random()))
        Good.objects.filter(pk=random.randrange(1, 10**6)).delete()
    # another program, whose changes of a tracked table no read model has seen until the next statement
    with raw:
        raw.execute("UPDATE shop_good SET name = 'by another program' WHERE id = abs(random()) % 60")
    time.sleep(0.002)
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.models(MODELS)
    project.makemigrations()
    project.migrate()
    return project


@pytest.mark.slow
def test_verify_beside_a_writer_never_tells_of_drift_that_there_is_not(project):
    project.python(
        "from shop.models import *\n"
        "Sold.objects.bulk_create([Sold(item=n % 50, price='0.10', weight=n / 7) for n in range(500)])\n"
        "Other.objects.bulk_create([Other(number=n) for n in range(20_000)])\n"  # worth two threads
        "Good.objects.bulk_create([Good(name=str(n)) for n in range(60)])\n"
    )
    project.run("events", "replay", "-v0")
    process = project.start(WRITER)
    try:
        assert process.stdout.readline() == "started\n"
        heads = project.python(
            "import io\n"
            "from django.core.management import call_command\n"
            "from eventfold.django.drift import verify\n"
            "from shop.models import *\n"
            "for round in range(15):\n"
            "    for model in (Item, Story, GoodList):\n"
            "        (found,) = verify(model, 'default')\n"
            "        assert found.count == 0, found\n"
            "        print(found.until)\n"
            "    (found,) = verify(Tally, 'default')\n"
            "    assert found.count == 0, found\n"
        ).split()
        assert process.poll() is None
        positions = [int(head) for head in heads]
        assert positions == sorted(positions) and len(set(positions)) > 10
        # and one that is there is found, and mended without losing what is written meanwhile
        project.python(
            "from django.db import connection\n"
            "connection.cursor().execute('UPDATE shop_item SET sold = sold + 1000 WHERE item = 7')\n"
        )
        with pytest.raises(Failed, match=r"shop\.Item 7: sold is \d+ by the log, \d+ in the table"):
            project.run("events", "verify", "shop.Item")
        project.run("events", "verify", "shop.Item", "--repair")
        time.sleep(0.1)
        project.run("events", "verify", "shop.Item", "shop.Story", "shop.GoodList", "shop.Tally")
    finally:
        process.kill()
        process.wait()
    rows = project.rows("SELECT item, sold FROM shop_item ORDER BY item")
    assert rows == project.rows(
        "SELECT json_extract(data, '$.item') AS item, count(*) FROM eventfold_event JOIN eventfold_type "
        "ON type_id = eventfold_type.id WHERE name = 'shop.Sold' GROUP BY item ORDER BY item"
    )
