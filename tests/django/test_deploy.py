"""A read model's fields and Projection change, while a process of the old code and one of the new serve requests."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.django.project import Failed, Project

EVENTS = """
from eventfold.django import Count, ReadModel, Sum

class Sold(Event):
    item = models.BigIntegerField()
    price = models.IntegerField()
"""
OLD = (
    EVENTS
    + """
class Item(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0, db_default=0)
    class Projection:
        key = "item"
        sold = Count(Sold)
"""
)
# first step: a column is added
BOTH = OLD.replace(
    "    class Projection", "    earned = models.IntegerField(default=0, db_default=0)\n    class Projection"
).replace("sold = Count(Sold)", 'sold = Count(Sold)\n        earned = Sum(Sold, "price")')
# second step: the old one is no longer used, then dropped
NEW = (
    EVENTS
    + """
class Item(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    earned = models.IntegerField(default=0, db_default=0)
    class Projection:
        key = "item"
        earned = Sum(Sold, "price")
"""
)
# A request after the other: an event, its row, a list. Ends with an error if any of them fails.
SERVE = """
    import random, sys, threading
    from shop.models import Item, Sold
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    served = 0
    while not stop.wait(0.002):
        event = Sold.objects.create(item=random.randrange(40), price=random.randrange(9))
        Item.objects.get(item=event.item)
        list(Item.objects.all()[:5])
        served += 1
        if served == 20:
            print("served", flush=True)
"""


class Site:
    def __init__(self, folder: Path) -> None:
        self.number = 0
        self.first = self.release(folder, OLD)

    def release(self, folder: Path, models: str) -> Project:
        """The project with other code, on the same database."""
        self.number += 1
        if self.number == 1:
            (folder / "1").mkdir()
            project = Project(folder / "1")
        else:
            project = self.first.copy(folder / str(self.number))
            settings = (project.folder / "settings.py").read_text()
            database = self.first.folder / "db.sqlite3"
            project.write("settings.py", settings.replace('"NAME": "db.sqlite3"', f'"NAME": "{database}"'))
        project.models(models)
        return project


@contextmanager
def serving(project: Project) -> Iterator[subprocess.Popen]:
    process = project.start(SERVE)
    try:
        assert process.stdout.readline() == "served\n"
        yield process
    finally:
        process.communicate(timeout=60)
    assert process.returncode == 0, "a request failed, see above"


def rows(project: Project, columns: str) -> list[tuple]:
    return project.rows(f"SELECT item, {columns} FROM shop_item ORDER BY item")


def by_log(project: Project, columns: str) -> list[tuple]:
    return project.rows(f"SELECT item, {columns} FROM shop_sold GROUP BY item ORDER BY item")


@pytest.mark.slow
def test_a_column_comes_and_another_goes_while_old_and_new_code_serve_requests(tmp_path):
    site = Site(tmp_path)
    old = site.first
    old.update()
    with serving(old):
        # migrate first: the old code goes on, on the new table
        both = site.release(tmp_path, BOTH)
        both.makemigrations()
        both.migrate()
        with serving(both):
            pass
        assert "A replay of shop.Item is due" in both.run("check", "--database", "default")
    # no process of the old code is left: the new column is filled
    with serving(both):
        both.run("events", "replay", "shop.Item")
        assert "all as the log says" in both.run("events", "verify", "shop.Item")
        # code that no longer writes the old column comes before the migration that drops it
        new = site.release(tmp_path, NEW)
        new.folder.joinpath("shop/migrations").rename(new.folder / "shop/old")
        both.folder.joinpath("shop/migrations").rename(new.folder / "shop/migrations")
        both.folder.joinpath("shop/migrations").mkdir()
        with serving(new):
            pass
    with serving(new):
        new.makemigrations()
        new.migrate()
        new.run("events", "replay", "shop.Item")
    assert "all as the log says" in new.run("events", "verify", "shop.Item")
    assert rows(old, "earned") == by_log(old, "sum(price)")
    assert "sold" not in {name for _, name, *_ in old.rows("PRAGMA table_info(shop_item)")}


def test_a_new_column_without_a_default_in_the_database_stops_the_old_code_as_the_docs_say(tmp_path):
    site = Site(tmp_path)
    site.first.update()
    both = site.release(
        tmp_path,
        BOTH.replace(
            "earned = models.IntegerField(default=0, db_default=0)", "earned = models.IntegerField(default=0)"
        ),
    )
    both.makemigrations()
    both.migrate()
    with pytest.raises(Failed, match=r"The table of shop\.Item does not take a row .*NOT NULL constraint failed"):
        site.first.python("from shop.models import *\nSold.objects.create(item=1, price=2)")
    both.python("from shop.models import *\nSold.objects.create(item=1, price=2)")
    assert rows(site.first, "sold, earned") == [(1, 1, 2)]
