"""Long replays, killed at random moments while others write, and run again until they come to their end."""

import os
import random
import signal
import time

import pytest

from tests.django.project import Project
from tests.django.sold_items import SOLD_ITEMS
from tests.django.starter import Starter

KILLS = int(os.environ.get("EVENTFOLD_KILLS", "30"))

MODELS = SOLD_ITEMS.replace('lifecycle = "async"', "") + (
    """
class Buyer(ReadModel):
    name = models.CharField(max_length=20, primary_key=True)
    bought = models.IntegerField(default=0)
    class Projection:
        key = "name"
        name = F("buyer")
        bought = Count("shop.Bought")

class Bought(Event):
    buyer = models.CharField(max_length=20)

class Loyal(ReadModel):
    buyer = models.CharField(max_length=20, unique=True)
    times = models.IntegerField(default=0)
    share = models.FloatField(default=0)
    seen = models.BooleanField(default=False)
    notes = models.BinaryField(default=b"\\x00\\xff")
    since = models.DateTimeField(null=True)
    double = models.GeneratedField(
        expression=F("times") * 2, output_field=models.IntegerField(), db_persist=False)

@projector("shop.Bought", reads="shop.Loyal")
def count(event):
    loyal, _ = Loyal.objects.get_or_create(buyer=event.buyer)
    if loyal.times % 7 == 6:
        loyal.delete()
        return
    loyal.times += 1
    loyal.share = loyal.times / 3
    loyal.seen = not loyal.seen
    loyal.since = loyal.since or event.created
    loyal.notes = bytes([loyal.times]) + loyal.notes[:9]
    loyal.save()
"""
)

# Each replay saves whenever it can.
FUNCTIONS = """
    import random, sys, time
    from django.core.management import call_command
    from shop.models import *

    def replay(*models):
        with open("said", "a") as said:
            call_command("events", "replay", *models, save_every=0, batch=random.choice([300, 2000, None]),
                         threads=random.choice([1, 2, 3]), stdout=said)

    def together():
        replay("shop.Inline", "shop.Buyer", "shop.Native")

    def handled():
        replay("shop.Handled")

    def projected():
        replay("shop.Loyal")

    def native():
        replay("shop.Buyer")

    def write():
        while True:
            Sold.objects.bulk_create([Sold(item=random.randrange(60), price=n, weight=random.random())
                                      for n in range(random.randrange(1, 20))])
            Bought.objects.create(buyer=str(random.randrange(99)))
            time.sleep(0.01)
"""
DAMAGE = """
    from django.db import connection
    with connection.cursor() as cursor:
        for table in ("inline", "native", "handled", "buyer", "loyal"):
            cursor.execute(f"DELETE FROM shop_{table} WHERE rowid % 3 = 1")
        cursor.execute("UPDATE shop_inline SET sold = -1")
        cursor.execute("UPDATE shop_loyal SET times = -1")
"""


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    project.models(MODELS)
    project.update()
    project.python(
        """
        from shop.models import *
        for _ in range(6):
            Sold.objects.bulk_create(Sold(item=n % 50, price=n % 7, weight=n / 7) for n in range(10_000))
            for n in range(300):
                Bought.objects.create(buyer=str(n * n % 977))
        """
    )
    project.python(DAMAGE)
    return project


def saved(project: Project) -> dict[str, int]:
    return dict(project.rows("SELECT name, position FROM eventfold_replay"))


@pytest.mark.slow
def test_replays_that_are_killed_go_on_and_come_to_the_rows_of_a_fold_from_zero(project):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}, {KILLS} kills")
    moments = random.Random(seed)
    starter = Starter(project, FUNCTIONS)
    writer = starter.start("write")
    killed = 0
    names = ["together", "handled", "projected", "native"]
    for number in range(KILLS):
        name = names[number % len(names)]
        before = saved(project)
        pid = starter.start(name)
        if moments.random() < 0.8:  # else wherever it is
            end = time.monotonic() + 3
            while saved(project) == before and time.monotonic() < end:
                time.sleep(0.002)
        time.sleep(moments.random() * 0.2)
        outcome = starter.kill_or_end(pid)
        assert outcome in (0, -signal.SIGKILL), "see above"
        killed += outcome != 0
        after = saved(project)
        if outcome:
            assert all(after.get(each, position) >= position for each, position in before.items())
    for name in names:
        assert starter.wait(starter.start(name)) == 0
    starter.kill(writer)
    starter.end()
    said = (project.folder / "said").read_text()
    print(f"killed {killed}; {said.count('resumes at position')} times one was gone on with")
    assert killed > KILLS / 3
    assert "resumes at position" in said
    assert "all as the log says" in project.run("events", "verify")
    assert project.rows("SELECT name FROM eventfold_replay") == []
    assert project.rows("SELECT DISTINCT name FROM eventfold_replay_part") == []
    assert project.rows("PRAGMA integrity_check") == [("ok",)]
    counted = project.rows("SELECT item, count(*), sum(price), max(position) FROM shop_sold GROUP BY item ORDER BY 1")
    for table in ("inline", "native", "handled"):
        assert project.rows(f"SELECT item, sold, earned, last FROM shop_{table} ORDER BY 1") == counted
    assert project.rows("SELECT * FROM shop_buyer ORDER BY 1") == project.rows(
        "SELECT buyer, count(*) FROM shop_bought GROUP BY buyer ORDER BY 1"
    )


@pytest.mark.slow
def test_two_replays_of_one_read_model_at_once_do_no_harm_when_one_is_killed(project):
    starter = Starter(project, FUNCTIONS)
    for name in ("native", "handled", "projected", "together") * 2:
        one, other = starter.start(name), starter.start(name)
        time.sleep(random.random() * 0.3)
        assert starter.kill_or_end(one) in (0, -signal.SIGKILL)
        assert starter.wait(other) == 0
    starter.end()
    assert "all as the log says" in project.run("events", "verify")
    project.run("events", "replay")
    assert project.rows("SELECT name FROM eventfold_replay UNION SELECT name FROM eventfold_replay_part") == []
    assert "all as the log says" in project.run("events", "verify")


@pytest.mark.slow
def test_rules_in_a_module_that_has_changed_begin_with_the_first_event(project):
    starter = Starter(project, FUNCTIONS)
    left = False
    while not left:
        pid = starter.start("handled")
        while "shop.Handled" not in saved(project):
            time.sleep(0.001)
        left = starter.kill_or_end(pid) != 0 and "shop.Handled" in saved(project)
    starter.end()
    kept = project.copy(project.folder.parent / "as_it_was")
    assert "shop.Handled: resumes at position" in kept.run("events", "replay", "shop.Handled")
    project.write("shop/models.py", (project.folder / "shop/models.py").read_text() + "# changed\n")
    assert "resumes" not in project.run("events", "replay", "shop.Handled")
    for each in (project, kept):
        assert "all as the log says" in each.run("events", "verify", "shop.Handled")
