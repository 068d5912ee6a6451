"""`events follow` as processes of its own: killed, told to stop, several at once, while others write."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.django.project import Failed, Project
from tests.django.sold_items import SOLD_ITEMS

MODELS = (
    SOLD_ITEMS
    + """
class Shelves(ReadModel):
    key = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=20, null=True)
    class Projection:
        lifecycle = "async"
        key = "key"
        name = Latest(("shop.ShelfCreated", "new_name"), ("shop.ShelfChanged", "new_name"))
        delete_on = "shop.ShelfDeleted"
"""
)
LATER = """
class Later(Item):
    class Projection:
        lifecycle = "async"
        key = "item"
        sold = Count(Sold)
        earned = Sum(Sold, "price")
        weight = Sum(Sold, "weight")
        last = Max(Sold, "position")
"""
# Writes until it is told to stop: events one by one and in bulk, and a tracked table.
WRITE = """
    import random, sys, threading
    from shop.models import Shelf, Sold
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    print("ready", flush=True)
    while not stop.is_set():
        Sold.objects.create(item=random.randrange(50), price=random.randrange(9))
        if random.random() < 0.1:
            Sold.objects.bulk_create([Sold(item=random.randrange(50), price=n) for n in range(random.randrange(200))])
        if random.random() < 0.2:
            Shelf.objects.update_or_create(pk=random.randrange(9), defaults={"name": str(random.random())})
        stop.wait(0.002)
"""


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    project.models(MODELS)
    project.update()
    return project


@contextmanager
def writing(project: Project) -> Iterator[None]:
    process = project.start(WRITE)
    try:
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.communicate(timeout=60)
    assert process.returncode == 0


def follow(project: Project, *args: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-u", "manage.py", "events", "follow", *args],
        cwd=project.folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def assert_right(project: Project) -> None:
    """All rows are those of the inline read model, of the table, and of a replay."""
    inline = project.rows("SELECT * FROM shop_inline ORDER BY 1")
    assert inline
    assert project.rows("SELECT * FROM shop_native ORDER BY 1") == inline
    assert project.rows("SELECT * FROM shop_handled ORDER BY 1") == inline
    assert project.rows("SELECT * FROM shop_shelves ORDER BY 1") == project.rows("SELECT * FROM shop_shelf ORDER BY 1")
    assert " 0 are new, 0 changed; 0 removed" in project.run("events", "replay", "shop.Handled")
    assert " 0 are new, 0 changed; 0 removed" in project.run("events", "replay", "shop.Native")


def positions(project: Project) -> dict[str, int]:
    return dict(project.rows("SELECT name, position FROM eventfold_read_model"))


def has_caught_up(project: Project) -> bool:
    ((head,),) = project.rows("SELECT head FROM eventfold_head")
    return all(positions(project)[f"shop.{name}"] == head for name in ("Native", "Handled", "Shelves"))


@pytest.mark.slow
def test_it_may_be_killed_at_any_moment(project):
    moments = random.Random(5)
    with writing(project):
        for _ in range(40):
            process = follow(project)
            assert process.stdout.readline().startswith("Following ")
            time.sleep(moments.random() * 0.25)
            process.kill()
            process.communicate(timeout=60)
    project.run("events", "follow", "--once")
    assert has_caught_up(project)
    assert_right(project)


@pytest.mark.slow
def test_two_at_once_share_the_work_and_one_goes_on_when_the_other_is_killed(project):
    first, second = follow(project), follow(project)
    try:
        with writing(project):
            for process in (first, second):
                assert process.stdout.readline().startswith("Following ")
            time.sleep(2)
            first.kill()
            time.sleep(0.5)
        until(lambda: has_caught_up(project))
        assert_right(project)
    finally:
        first.kill()
        second.send_signal(signal.SIGTERM)
        said = second.communicate(timeout=60)[0]
        first.communicate(timeout=60)
    assert second.returncode == 0
    assert "brought forward by" in said  # the second had its share


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_batch_without_an_error(project, number):
    process = follow(project)
    assert process.stdout.readline() == "Following shop.Native, shop.Handled, shop.Shelves\n"
    project.python("from shop.models import *\nSold.objects.create(item=1, price=2)")
    until(lambda: project.rows("SELECT * FROM shop_handled"))
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "shop.Handled: brought forward by 1 position\n" in said
    assert_right(project)


def test_it_wakes_when_another_process_commits(project):
    process = follow(project)
    try:
        assert process.stdout.readline().startswith("Following ")
        took = float(
            project.python(
                """
                import time
                from eventfold.django import wait_for
                from shop.models import *
                took = []
                for _ in range(20):
                    event = Sold.objects.create(item=1, price=2)
                    began = time.perf_counter()
                    wait_for(event.position, Native, Handled, timeout=60)
                    took.append(time.perf_counter() - began)
                    time.sleep(0.02)
                print(sorted(took)[10])
                """
            )
        )
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert took < 0.5  # its tick is a second: so it did wake


def test_the_lifecycle_may_change_both_ways_without_a_migration(project):
    sell = "from shop.models import *\nSold.objects.bulk_create([Sold(item=n % 3, price=n) for n in range(10)])"
    project.python(sell)
    project.models(MODELS.replace('lifecycle = "async"', "", 1))
    assert "No changes detected" in project.run("makemigrations", "--dry-run")
    project.python(sell)
    assert not project.rows("SELECT * FROM shop_native")  # the database says that a follower keeps it
    assert "shop.Native: appends keep it again" in project.run("events", "follow", "--once")
    project.python(sell)
    assert_native_is_inline(project)
    project.models(MODELS)
    project.python(sell)
    assert_native_is_inline(project)  # until a follower takes it over
    project.run("events", "follow", "--once")
    project.python(sell)
    assert project.rows("SELECT * FROM shop_native") != project.rows("SELECT * FROM shop_inline")
    project.run("events", "follow", "--once")
    assert_right(project)
    # and a replay gives it back as well
    project.models(MODELS.replace('lifecycle = "async"', "", 1))
    project.python(sell)
    project.run("events", "replay", "shop.Native")
    project.python(sell)
    assert_native_is_inline(project)


def test_where_no_event_concerns_it_yet_migrate_is_enough(project):
    sell = "from shop.models import *\nSold.objects.create(item=1, price=1)"
    project.models(MODELS.replace('lifecycle = "async"', "", 1))
    project.migrate()
    other = project.copy(project.folder.with_name("other"))
    project.python(sell)
    assert_native_is_inline(project)
    other.models(MODELS)
    other.migrate()
    other.python(sell)
    assert not other.rows("SELECT * FROM shop_native")


def assert_native_is_inline(project: Project) -> None:
    assert project.rows("SELECT * FROM shop_native ORDER BY 1") == project.rows("SELECT * FROM shop_inline ORDER BY 1")


def test_a_new_one_is_built_from_the_first_event_on(project):
    project.python("from shop.models import *\nSold.objects.bulk_create([Sold(item=1, price=n) for n in range(10)])")
    project.models(MODELS + LATER)
    project.update()
    project.python("from shop.models import *\nSold.objects.create(item=1, price=1)")
    assert not project.rows("SELECT * FROM shop_later")
    project.run("events", "follow", "--once")
    assert project.rows("SELECT * FROM shop_later") == project.rows("SELECT * FROM shop_inline")


def test_what_programs_without_django_record_is_folded_inline_too(project):
    project.append("shop.Sold", *({"item": n % 7, "price": n % 5} for n in range(700)))
    project.append("shop.Sold", {"item": 1, "price": 1})
    assert not project.rows("SELECT * FROM shop_inline")
    project.run("events", "follow", "--once")
    assert project.rows("SELECT sum(sold) FROM shop_inline") == [(701,)]
    assert project.rows("SELECT folded FROM eventfold_header") == [(701,)]
    assert_right(project)


def test_a_table_that_is_missing_is_named_and_the_others_go_on(project):
    project.python("from shop.models import *\nSold.objects.create(item=1, price=2)")
    project.models(MODELS + LATER)
    process = follow(project, "--once")
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "shop.Later has no table yet: run `manage.py migrate --database default`" in said
    project.models(MODELS)
    assert_right(project)


def test_where_there_is_nothing_to_follow_it_says_so(tmp_path):
    project = Project(tmp_path)
    project.models("class Sold(Event):\n    item = models.BigIntegerField()\n")
    project.update()
    with pytest.raises(Failed, match="There is nothing to follow in the database 'default'"):
        project.run("events", "follow")


def test_a_locked_database_is_tried_again(project):
    project.python("from shop.models import *\nSold.objects.create(item=1, price=2)")
    settings = (project.folder / "settings.py").read_text()
    project.write("settings.py", settings + 'DATABASES["default"]["OPTIONS"]["timeout"] = 0.1\n')
    locker = project.start(
        """
        from django.db import transaction
        with transaction.atomic():
            print("locked", flush=True)
            input()
        """
    )
    assert locker.stdout.readline() == "locked\n"
    process = follow(project, "--once")
    assert process.stdout.readline().startswith("The database is locked; it is tried again: ")
    locker.communicate("\n", timeout=60)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_right(project)


def test_status_says_who_keeps_what_and_how_far_it_is(project):
    project.python("from shop.models import *\nSold.objects.create(item=1, price=2)")
    assert "  shop.Native: 0 rows, async, up to position 0: 1 position and " in project.run("events", "status")
    assert "No receiver or @on method slows an append." in project.run("events", "status")  # that of Handled does not
    standing = status(project)["shop.Native"]
    assert 0 < standing.pop("lag_seconds") < 60
    assert standing == {
        "name": "shop.Native",
        "lifecycle": "async",
        "declared": "async",
        "has_table": True,
        "position": 0,
        "lag_events": 1,
        "rate": 0.0,
        "dead_letters": 0,
        "replay_due": None,
        "definition_changed": False,
        "stopped": False,
        "failures": 0,
        "error": None,
    }
    assert status(project)["shop.Inline"]["position"] == 1
    project.run("events", "follow", "--once")
    assert (status(project)["shop.Native"]["lag_events"], status(project)["shop.Native"]["lag_seconds"]) == (0, 0)
    assert "  shop.Native: 1 rows, async, up to position 1: caught up" in project.run("events", "status")
    project.models(MODELS.replace('lifecycle = "async"', "", 1))
    said = project.run("events", "status")
    assert "    its Projection says inline; `manage.py events follow` brings that about" in said
    said = project.run("check", "--database", "default")
    assert "(eventfold.W203) The Projection of shop.Native is inline, while a follower keeps its rows" in said
    project.run("events", "follow", "--once")
    assert "W203" not in project.run("check", "--database", "default")


def status(project: Project) -> dict[str, dict]:
    found = json.loads(project.run("events", "status", "--json"))
    return {standing["name"]: standing for standing in found["read_models"]}


def test_status_shows_where_a_read_model_stopped_and_why(project):
    failing = MODELS.replace("row.sold += 1", "row.sold += 1 // event.price")
    project.models(failing)
    project.python("from shop.models import *\nfor price in (1, 0, 1):\n    Sold.objects.create(item=1, price=price)")
    with pytest.raises(
        Failed, match=r"cannot fold the event at position 2: .* ZeroDivisionError: .* after 2 tries it stops"
    ):
        project.run("events", "follow", "--once", "--retries", "2")
    said = project.run("events", "status")
    assert "  shop.Handled: 1 rows, async, up to position 1: 2 positions and " in said
    assert "    stopped at the next event, after 2 tries: shop.Handled, the event shop.Sold at position 2: Zero" in said
    assert status(project)["shop.Handled"]["stopped"]
    with pytest.raises(Failed, match=r"shop\.Handled stopped after position 1, before 3: .*ZeroDivisionError"):
        project.python("from shop.models import *\nfrom eventfold.django import wait_for\nwait_for(3, Native, Handled)")
    project.models(MODELS)
    project.run("events", "follow", "--once")
    assert_right(project)


def test_a_replay_with_the_mended_code_lets_it_go_on_too(project):
    project.models(MODELS.replace("row.sold += 1", "row.sold += 1 // event.price"))
    project.python("from shop.models import *\nSold.objects.create(item=1, price=0)")
    follower = follow(project, "--retries", "1")
    try:
        until(lambda: project.rows("SELECT 1 FROM eventfold_follower WHERE retry_at IS NULL"))
        project.models(MODELS)
        project.run("events", "replay", "shop.Handled")
        until(lambda: has_caught_up(project))
        assert not project.rows("SELECT 1 FROM eventfold_follower WHERE error IS NOT NULL")
    finally:
        follower.terminate()
        follower.communicate(timeout=60)
    assert_right(project)


def test_a_log_of_earlier_days_gets_what_followers_need_from_migrate(project):
    sqlite3.connect(project.folder / "db.sqlite3").execute("DROP TABLE eventfold_follower").connection.close()
    project.python(
        """
        from shop.models import *
        from eventfold.django import wait_for
        event = Sold.objects.create(item=1, price=2)
        wait_for(event.position, Native, timeout=0)
        """
    )
    assert_native_is_inline(project)
    project.run("events", "replay", "shop.Native")
    assert "shop.Native: 1 rows, up to position 1" in project.run("events", "status")
    with pytest.raises(Failed, match=r"is of an earlier release: run `manage\.py migrate --database default` first"):
        project.run("events", "follow")
    project.migrate()
    project.run("events", "follow", "--once")
    project.python("from shop.models import *\nSold.objects.create(item=1, price=2)")
    assert project.rows("SELECT sold FROM shop_native") == [(1,)]
    project.run("events", "follow", "--once")
    assert_right(project)
