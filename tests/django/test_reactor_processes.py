"""Reactors and dead letters with `events follow` as processes of its own: killed, told to stop, several at once."""

import random
import signal
import time
from collections import Counter

import pytest

from tests.django.project import Failed, Project
from tests.django.test_follow_processes import follow, until

# An effect that leaves a trace outside the database: a line for each call.
MODELS = """
import os, time
from eventfold.django import Count, ReadModel, on, reactor

class Sold(Event):
    item = models.BigIntegerField()
    price = models.IntegerField()

@reactor(Sold, name="mail")
def mail(event, idempotency_key):
    time.sleep(PAUSE)
    with open("mails", "a") as file:
        file.write(f"{event.position} {idempotency_key} {os.getpid()}\\n")

class Item(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    class Projection:
        lifecycle = "async"
        on_error = "skip"
        retries = 1
        key = "item"
        @on(Sold)
        def sells(row, event):
            row.sold += 1 // event.price

class Fine(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    class Projection:
        lifecycle = "async"
        key = "item"
        sold = Count(Sold)
"""
SELL = "from shop.models import *\nSold.objects.bulk_create([Sold(item=n % 5, price=1) for n in range({number})])"


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path)
    project.models(MODELS.replace("PAUSE", "0.002"))
    project.update()
    return project


def mails(project) -> list[list[str]]:
    path = project.folder / "mails"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def position(project, name="reactor:mail") -> int:
    return project.rows("SELECT position FROM eventfold_read_model WHERE name = ?", name)[0][0]


def is_done(project) -> bool:
    return position(project) == project.rows("SELECT head FROM eventfold_head")[0][0]


def test_given_a_new_project_then_migrate_lets_a_reactor_see_every_event(project):
    project.python(SELL.format(number=3))
    said = project.run("events", "follow", "--once")
    assert "mail: brought forward by 3 positions" in said
    assert [int(at) for at, *_ in mails(project)] == [1, 2, 3]


@pytest.mark.slow
def test_killed_at_any_moment_it_misses_no_event_and_repeats_one_at_most_with_the_same_key(project):
    moments = random.Random(7)
    kills = 0
    project.python(SELL.format(number=600))
    while not is_done(project):
        process = follow(project)
        assert process.stdout.readline().startswith("Following ")
        time.sleep(0.05 + moments.random() * 0.3)
        process.kill()
        process.communicate(timeout=60)
        kills += 1
    assert kills > 1
    found = [(int(at), key) for at, key, _ in mails(project)]
    assert {at for at, _ in found} == set(range(1, 601))
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert len(set(found)) == 600  # one key for each event
    assert all(times <= kills + 1 for times in Counter(found).values()) and len(found) <= 600 + kills


@pytest.mark.slow
def test_two_at_once_never_do_the_same_and_one_goes_on_when_the_other_is_killed(project):
    first, second = follow(project), follow(project)
    try:
        for process in (first, second):
            assert process.stdout.readline().startswith("Following ")
        project.python(SELL.format(number=300))
        until(lambda: len(mails(project)) > 50)
        busy = int(mails(project)[-1][2])
        killed, other = (first, second) if first.pid == busy else (second, first)
        killed.kill()
        killed.wait(timeout=60)  # till then it has its number
        until(lambda: is_done(project))
        project.python(SELL.format(number=20))
        until(lambda: is_done(project))
    finally:
        first.kill()
        second.kill()
        first.communicate(timeout=60)
        second.communicate(timeout=60)
    counts = Counter(int(at) for at, *_ in mails(project))
    assert set(counts) == set(range(1, 321))
    assert sum(counts.values()) <= 321  # the one at which it was killed
    assert str(other.pid) in {pid for *_, pid in mails(project)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_event_it_is_at(project, number):
    project.models(MODELS.replace("PAUSE", "0.3"))
    project.python(SELL.format(number=20))
    process = follow(project)
    until(lambda: mails(project))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert 0 < len(mails(project)) < 20
    assert position(project) == int(mails(project)[-1][0])
    assert project.rows("SELECT worker FROM eventfold_follower WHERE name = 'reactor:mail'") == [(None,)]
    project.models(MODELS.replace("PAUSE", "0"))
    project.run("events", "follow", "--once")
    assert [int(at) for at, *_ in mails(project)] == list(range(1, 21))


def test_one_that_is_declared_later_begins_at_the_head_when_follow_first_sees_it(project):
    project.python(SELL.format(number=3))
    project.models(MODELS.replace("PAUSE", "0").replace('name="mail"', 'name="new"'))
    assert "new: it begins after position 3, the head of the log" in project.run("events", "follow", "--once")
    assert mails(project) == []
    project.run("events", "follow", "--once", "new", "--from", "2")
    assert [int(at) for at, *_ in mails(project)] == [2, 3]
    with pytest.raises(Failed, match="has the positions 1 to 3, not 9"):
        project.run("events", "follow", "--once", "new", "--from", "9")


def test_a_poison_event_becomes_a_letter_and_everything_else_goes_on_in_a_running_follower(project):
    process = follow(project)
    try:
        project.python(
            "from shop.models import *\nfor price in (1, 0, 1):\n"
            "    Sold.objects.create(item=1, price=price)\nSold.objects.create(item=2, price=1)"
        )
        until(lambda: is_done(project) and position(project, "shop.Item") == 4)
        assert project.rows("SELECT * FROM shop_item ORDER BY 1") == [(1, 1), (2, 1)]
        until(lambda: project.rows("SELECT * FROM shop_fine ORDER BY 1") == [(1, 3), (2, 1)])
        assert len(mails(project)) == 4
        said = project.run("check", "--database", "default")
        assert "(eventfold.W204) shop.Item has 2 dead letters in the database 'default'." in said
        project.models(MODELS.replace("PAUSE", "0").replace("1 // event.price", "event.price"))
        assert "2 taken, 0 failed, 0 wait" in project.run("events", "letters", "retry", "--all")
        assert project.rows("SELECT * FROM shop_item ORDER BY 1") == [(1, 2), (2, 1)]
        assert "W204" not in project.run("check", "--database", "default")
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[0]
    assert "shop.Item cannot fold the event at position 2: " in said and "after 1 try it is a dead letter" in said
    assert process.returncode == 0


def test_a_reactor_of_what_is_no_event_class_is_an_error(project):
    project.models(
        MODELS.replace("PAUSE", "0").replace("reactor(Sold,", 'reactor("shop.Fine", "shop.Nothing", "nothing.*",')
    )
    with pytest.raises(Failed) as failed:
        project.run("check")
    assert "E210) The reactor mail is called for 'shop.Fine', which is no event class." in str(failed.value)
    assert "The reactor mail is called for 'shop.Nothing'" in str(failed.value)
    assert "The reactor mail is called for 'nothing.*'" in str(failed.value)


def test_a_log_of_earlier_days_gets_the_tables_of_letters_from_migrate(project):
    import sqlite3

    connection = sqlite3.connect(project.folder / "db.sqlite3")
    connection.executescript(
        "DROP TRIGGER eventfold_read_model_replayed; DROP TABLE eventfold_dead_letter; DROP TABLE eventfold_pace"
    )
    connection.close()
    project.python(
        """
        from django.core.management import call_command
        from shop.models import *
        from eventfold.django import NotYetFollowed, wait_for
        event = Sold.objects.create(item=1, price=2)
        try:
            wait_for(event.position, Fine, timeout=0)
        except NotYetFollowed:
            call_command("events", "replay", "shop.Fine")
        wait_for(event.position, Fine, timeout=0)
        """
    )
    for command in (["follow"], ["letters", "list"]):
        with pytest.raises(Failed, match=r"is of an earlier release: run `manage\.py migrate --database default`"):
            project.run("events", *command)
    project.migrate()
    project.run("events", "follow", "--once")
    assert [int(at) for at, *_ in mails(project)] == [1]
