"""What goes wrong during a replay: a clear error, the live table as it was, and no event folded twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.django.project import Failed, Project

MODELS = """
from django.db.models import F
from eventfold.django import Count, Latest, Max, ReadModel, Sum, on, projector

class Sold(Event):
    item = models.BigIntegerField()
    price = models.IntegerField()

class Native(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    earned = models.IntegerField(default=0)
    class Projection:
        key = "item"
        sold = Count(Sold)
        earned = Sum(Sold, "price")

class Handled(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    earned = models.IntegerField(default=0)
    class Projection:
        key = "item"
        sold = Count(Sold)
        @on(Sold)
        def sells(row, event):
            row.earned += event.price

class Projected(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    earned = models.IntegerField(default=0)

@projector("shop.Sold", reads="shop.Projected")
def sell(event):
    Projected.objects.get_or_create(item=event.item)
    Projected.objects.filter(item=event.item).update(sold=F("sold") + 1, earned=F("earned") + event.price)
"""
TABLES = ("shop_native", "shop_handled", "shop_projected")
SELL = """
    from shop.models import *
    Sold.objects.bulk_create([Sold(item=n % 100, price=n) for n in range(300)])
"""
DAMAGE = """
    from django.db import connection
    for table in ("native", "handled", "projected"):
        connection.cursor().execute(f"UPDATE shop_{table} SET sold = 1000 WHERE item % 2")
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("faults"))
    project.models(MODELS)
    project.update()
    project.python(SELL)
    return project


@pytest.fixture
def project(prepared: Project, tmp_path: Path) -> Project:
    return prepared.copy(tmp_path)


def tables(project: Project) -> dict[str, list[tuple]]:
    return {table: project.rows(f"SELECT item, sold, earned FROM {table} ORDER BY item") for table in TABLES}


def by_log(project: Project) -> dict[str, list[tuple]]:
    return dict.fromkeys(
        TABLES, project.rows("SELECT item, count(*), sum(price) FROM shop_sold GROUP BY item ORDER BY item")
    )


def command(project: Project, *args: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "manage.py", *args],
        cwd=project.folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# two at once


def test_two_replays_of_the_same_read_models_at_once_beside_a_writer_give_the_rows_of_one(project):
    project.python(DAMAGE)
    writer = project.start(
        """
        import random, sys, threading
        from shop.models import *
        stop = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
        print("ready", flush=True)
        while not stop.wait(0.001):
            Sold.objects.create(item=random.randrange(120), price=1)
        """
    )
    assert writer.stdout.readline() == "ready\n"
    replays = [command(project, "events", "replay") for _ in range(3)]
    for each in replays:
        said = each.communicate(timeout=60)[0]
        assert each.returncode == 0, said
    writer.communicate(timeout=60)
    assert writer.returncode == 0
    assert tables(project) == by_log(project)


def test_a_replay_that_is_overtaken_by_another_one_writes_what_the_log_says_then(project):
    project.python(DAMAGE)
    said = project.python(
        """
        from django.core.management import call_command
        from django.db import connection
        from eventfold.django.replay import replay
        from shop.models import *
        import subprocess, sys
        def overtaken(done, total):
            if not seen:
                seen.append(done)
                Sold.objects.none()
                subprocess.run([sys.executable, "manage.py", "events", "replay"], check=True)
                subprocess.run([sys.executable, "-c", "import django; django.setup(); from shop.models import *; "
                                "Sold.objects.create(item=1, price=1)"], check=True)
        for model in (Native, Handled, Projected):
            seen = []
            for done in replay(model, "default", progress=overtaken):
                print(done.inserted, done.updated, done.deleted)
        """
    )
    assert said.splitlines()[-1] == "0 0 0"  # all was done
    assert tables(project) == by_log(project)


# tables and types that are not as the classes say

NEW = """
class New(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    class Projection:
        key = "item"
        sold = Count(Sold)
"""


def test_a_table_that_is_missing_is_named_with_the_command_that_makes_it(project):
    project.models(MODELS + NEW)
    before = tables(project)
    for name in ("replay", "verify"):
        with pytest.raises(Failed, match=r"shop\.New has no table in the database 'default': run `manage\.py migrate"):
            project.run("events", name, "shop.New")
    with pytest.raises(Failed, match=r"The table of shop\.New is missing, or .*: run `manage\.py migrate`"):
        project.python("from shop.models import *\nSold.objects.create(item=1, price=1)")
    assert tables(project) == before
    project.update()
    project.run("events", "replay", "shop.New")
    assert project.rows("SELECT sum(sold) FROM shop_new") == [(300,)]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DROP TABLE shop_native", "no such table: shop_native"),
        ("ALTER TABLE shop_native RENAME COLUMN sold TO bought", "no such column: shop_native.sold"),
        ("ALTER TABLE shop_native ADD COLUMN name TEXT NOT NULL DEFAULT 'x'", ""),
        ("CREATE UNIQUE INDEX earns ON shop_native (earned % 7)", "UNIQUE constraint failed"),
    ],
    ids=["dropped", "a column renamed", "a column added", "a constraint added"],
)
def test_a_table_that_changes_during_a_replay_gets_no_half_of_it(project, sql, says):
    project.python(DAMAGE)
    before = tables(project)
    said = project.python(
        f"""
        import sqlite3
        from django.db import connection
        from eventfold.django.replay import replay
        from shop.models import *
        other = sqlite3.connect("db.sqlite3", isolation_level=None)
        def change(done, total):
            if changes:
                other.execute(changes.pop())
        if {says.startswith("UNIQUE")!r}:
            other.execute("DELETE FROM shop_native")
        changes = [{sql!r}]
        try:
            replay(Native, "default", progress=change)
        except Exception as error:
            print(type(error).__name__, error)
        """
    )
    if not says:
        assert not said
        assert tables(project)["shop_native"] == by_log(project)["shop_native"]
        return
    assert said.startswith("ProjectionError The table of shop.Native ")
    assert says in said
    assert ("run `manage.py migrate`" in said) == ("no such" in says)
    if "RENAME" in sql:
        assert project.rows("SELECT item, bought, earned FROM shop_native") == before["shop_native"]
    if "UNIQUE" in sql:
        assert project.rows("SELECT count(*) FROM shop_native") == [(0,)]


def test_an_event_type_that_no_longer_exists_is_named_and_nothing_is_written(project):
    project.models(MODELS.replace("Sum(Sold,", 'Sum("shop.Bought",'))
    project.python(DAMAGE.replace('"native", "handled", "projected"', '"native",'))
    before = tables(project)
    for name in ("replay", "verify"):
        with pytest.raises(Failed, match=r"\(eventfold\.E201\) .*shop\.Bought"):
            project.run("events", name, "shop.Native")
    assert tables(project) == before


def test_events_of_a_type_whose_class_is_gone_stand_in_nobodys_way(project):
    project.append("shop.Forgotten", {"item": 1}, {"item": None})
    project.python(DAMAGE)
    project.run("events", "replay")
    assert tables(project) == by_log(project)


def test_a_key_that_is_null_stops_the_replay_names_the_event_and_leaves_the_rows(project):
    project.python(DAMAGE)
    before = tables(project)
    project.append("shop.Sold", {"item": None, "price": 1})
    for label in ("shop.Native", "shop.Handled"):
        with pytest.raises(Failed, match=rf'{label}, the event shop\.Sold at position 301: its key "item" is null'):
            project.run("events", "replay", label)
    assert tables(project) == before


# handlers that do what they must not

ENDS = """
            from django.db import connection
            if event.price == -99 and __import__("os").environ.get("END"):
                try:
                    connection.cursor().execute(__import__("os").environ["END"])
                except Exception:
                    if not __import__("os").environ.get("SWALLOW"):
                        raise
"""


@pytest.mark.parametrize("swallow", ["", "1"])
@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_handler_that_ends_the_transaction_is_an_error_and_nothing_of_it_is_kept(project, end, swallow, monkeypatch):
    if end == "COMMIT" and os.environ.get("EVENTFOLD_SQLITE_WAY") == "dbapi":
        pytest.skip("the DB-API cannot refuse a commit, only tell of it")
    project.models(MODELS.replace("row.earned += event.price\n", "row.earned += event.price" + ENDS))
    before = tables(project)
    monkeypatch.setenv("END", end)
    monkeypatch.setenv("SWALLOW", swallow)
    # within an append
    with pytest.raises(Failed, match=r"ended the transaction|commit hook|constraint failed"):
        project.python("from shop.models import *\nSold.objects.create(item=1, price=-99)")
    assert tables(project) == before
    assert project.rows("SELECT count(*) FROM shop_sold") == [(300,)]
    assert project.rows("SELECT head FROM eventfold_head") == [(300,)]
    # while a replay, within its transaction, folds what came since
    said = project.python(
        """
        import sqlite3, subprocess, sys, os
        from eventfold.django.replay import replay
        from shop.models import *
        def append(done, total):
            if os.environ.get("END"):
                code = "import django; django.setup(); from shop.models import *; "
                code += "Sold.objects.create(item=1, price=-99)"
                subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "END": ""})
                models.QuerySet(Handled).update(sold=7)
        try:
            replay(Handled, "default", progress=append)
        except Exception as error:
            print(type(error).__name__, error)
        os.environ["END"] = ""
        print(Handled.objects.filter(sold=7).count(), Handled.objects.count())
        replay(Handled, "default")
        """
    )
    assert "Error" in said
    assert said.splitlines()[-1] == "100 100"
    assert tables(project) == by_log(project)


def test_a_handler_that_forks_leaves_the_parents_work_alone(project):
    forks = """
            import os
            if event.price == 77 and os.environ.get("FORK") and os.getpid() == int(os.environ["FORK"]):
                child = os.fork()
                if child:
                    print("child ended with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
    project.models(MODELS.replace("row.earned += event.price\n", "row.earned += event.price" + forks))
    project.python(DAMAGE)
    said = project.python(
        """
        import os
        os.environ["FORK"] = str(os.getpid())
        from eventfold.django.replay import replay
        from eventfold.errors import LogClosed
        from shop.models import *
        try:
            for model in (Native, Handled, Projected):
                replay(model, "default")
            Sold.objects.create(item=1, price=77)
        except LogClosed as error:
            os._exit(3)
        """
    )
    assert said.count("child ended with 3\n") == 2
    assert tables(project) == by_log(project)
    assert project.rows("PRAGMA integrity_check") == [("ok",)]


# a full disk


def test_a_full_disk_says_so_and_everything_is_as_it_was(project):
    project.python("from shop.models import *\nSold.objects.bulk_create([Sold(item=n, price=n) for n in range(3000)])")
    right = tables(project)
    said = project.python(
        """
        from django.db import DatabaseError, connection, transaction
        from eventfold.django.replay import replay
        from shop.models import *
        def execute(sql):
            with connection.cursor() as cursor:
                cursor.execute(sql)
        def attempt(function):
            try:
                function()
            except DatabaseError as error:
                print(type(error).__name__, error)
            else:
                print("passed")
        def sell():
            Sold.objects.bulk_create([Sold(item=n, price=1) for n in range(3000)])
        def sell_in_a_block():
            with transaction.atomic():
                Sold.objects.create(item=1, price=1)
                sell()
        for table in ("native", "handled", "projected"):
            execute(f"DELETE FROM shop_{table} WHERE item > 50")
        execute("VACUUM")
        execute("PRAGMA max_page_count = 1")  # as many as there are
        for model in (Native, Handled, Projected):
            attempt(lambda: replay(model, "default"))
        attempt(sell)
        attempt(sell_in_a_block)
        print(connection.in_atomic_block, connection.needs_rollback, connection.connection.in_transaction)
        print(Native.objects.count(), Handled.objects.count(), Projected.objects.count(), Sold.objects.count())
        execute("PRAGMA max_page_count = 1000000")
        for model in (Native, Handled, Projected):
            attempt(lambda: replay(model, "default"))
        """
    )
    full = "the disk is full, or the database at its greatest size; nothing of this was written: make room and try "
    lines = said.splitlines()
    for line in (*lines[:2], *lines[3:5]):
        assert line.startswith(f"DatabaseError {full}")
    assert lines[2] == "OperationalError database or disk is full"
    assert lines[5:] == ["False False False", "51 51 51 3300", "passed", "passed", "passed"]
    assert tables(project) == right == by_log(project)
