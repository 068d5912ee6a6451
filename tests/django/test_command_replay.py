"""`manage.py events replay` as somebody at a terminal, or a pipe, sees it."""

import io
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from django.core.management import CommandError, call_command

from eventfold.django.management import progress
from tests.django.project import Project
from tests.django.shelves.events import Cleared
from tests.django.shelves.helpers import MODELS, by_hand, given_some_events
from tests.django.shelves.read_models import Clearing, Place

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(*labels, stream=None, **options):
    stream = stream or io.StringIO()
    call_command("events", "replay", *labels, stdout=stream, **options)
    return stream.getvalue()


def test_it_rebuilds_all_read_models_and_says_what_it_did():
    given_some_events()
    by_hand(Place).filter(shelf="b").update(stored=0)
    lines = run().splitlines()
    assert {line.partition(":")[0] for line in lines} >= {model._meta.label for model in MODELS}
    assert "shelves.Place: 2 rows, of which 0 are new, 1 changed; 0 removed" in lines
    speed = r"[\d,]+ events in \d\.\d\d s \([\d,]+ events/s\)"
    assert any(re.fullmatch(rf"\d+ read models in one reading: {speed}", line) for line in lines)
    (diary,) = [line for line in lines if line.startswith("shelves.Diary:")]  # which runs Python for each event
    assert re.fullmatch(rf"shelves\.Diary: {speed}; 2 rows, of which 0 are new, 0 changed; 0 removed", diary)
    assert len(lines) == len({line.partition(":")[0] for line in lines})


def test_one_alone_says_how_fast_it_was():
    given_some_events()
    assert re.fullmatch(
        r"shelves\.Place: [\d,]+ events in \d\.\d\d s \([\d,]+ events/s\); "
        r"2 rows, of which 0 are new, 0 changed; 0 removed\n",
        run("shelves.Place"),
    )


def test_it_rebuilds_those_that_are_named_in_any_case():
    given_some_events()
    lines = run("shelves.place", "SHELVES.Clearing").splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "shelves.Place",
        "shelves.Clearing",
        "2 read models in one reading",
    ]


def test_it_is_quiet_if_asked():
    given_some_events()
    assert run(verbosity=0) == ""
    assert run(verbosity=0, stream=Terminal()) == ""


def test_a_terminal_shows_a_bar_with_speed_and_time_left(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    Cleared.objects.bulk_create([Cleared(shelf=str(n % 7), row=n) for n in range(500)])
    shown = run("shelves.Clearing", stream=Terminal())
    bars, _, last = shown.rpartition("\r\x1b[K")
    assert "[████████████████████████] shelves.Clearing: " in bars
    assert " events, " in bars
    assert " events/s, 0:00 left" in bars
    assert "\n" not in bars
    assert last.startswith("shelves.Clearing: ")


def test_a_narrow_terminal_of_old_gets_one_line_of_its_letters(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(Terminal, "encoding", "latin-9", raising=False)
    Cleared.objects.create(shelf="a", row=1)
    shown = run("shelves.Clearing", stream=Terminal())
    bar = shown.split("\r\x1b[K")[1]
    assert bar == "[########################] shelves.Clea"


def test_a_pipe_gets_plain_lines_now_and_then(monkeypatch):
    Cleared.objects.bulk_create([Cleared(shelf=str(n % 7), row=n) for n in range(500)])
    assert len(run("shelves.Clearing").splitlines()) == 1
    monkeypatch.setattr(progress, "_PAUSE_IN_PIPE", 0)
    shown = run("shelves.Clearing")
    assert len(shown.splitlines()) == 2
    assert shown.isascii()


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (
            ["shelves.Shelf"],
            {},
            r"shelves.Shelf is no read model of the database 'default'. There are: .*shelves.Place",
        ),
        (["auth.User"], {}, "auth.User is no read model"),
        ([], {"threads": 0}, "--threads must be at least 1"),
        ([], {"database": "elsewhere"}, "There is no database 'elsewhere'; there are default, memory"),
    ],
)
def test_what_cannot_be_done_is_said(labels, options, message):
    with pytest.raises(CommandError, match=message):
        run(*labels, **options)


def test_an_interrupted_replay_leaves_the_rows_and_ends_with_130(monkeypatch):
    given_some_events()
    by_hand(Place).update(stored=7)

    def interrupt(self, done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(progress.ProgressLine, "update", interrupt)
    with pytest.raises(CommandError, match=r"shelves\.Place: interrupted; its rows are as they were") as raised:
        run("shelves.Place")
    assert raised.value.returncode == 130
    assert set(Place.objects.values_list("stored", flat=True)) == {7}


@pytest.mark.django_db(databases=["default", "memory"])
def test_it_works_on_the_database_that_is_named(alias):
    given_some_events(alias)
    by_hand(Clearing, alias).update(times=0)
    assert "1 changed" in run("shelves.Clearing", database=alias)
    assert Clearing.objects.using(alias).get().times == 1


SLOW = """
    import time
    from eventfold.django import ReadModel, on, Count
    class Sold(Event):
        item = models.BigIntegerField()
    class Item(ReadModel):
        item = models.BigIntegerField(primary_key=True)
        sold = models.IntegerField(default=0)
        seen = models.IntegerField(default=0)
        class Projection:
            key = "item"
            sold = Count(Sold)
            @on(Sold)
            def sees(row, event):
                row.seen += 1
                if __import__("os").environ.get("SLOWLY"):
                    print("seen", flush=True)
                    time.sleep(0.05)
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.models(SLOW)
    project.makemigrations()
    return project


def test_ctrl_c_ends_it_at_once_and_leaves_the_rows(project):
    project.migrate()
    project.python(
        "from shop.models import *\nSold.objects.bulk_create([Sold(item=n % 3) for n in range(1000)])\n"
        "models.QuerySet(Item).update(seen=7)"
    )
    before = project.rows("SELECT * FROM shop_item")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "events", "replay"],
        cwd=project.folder,
        env={**os.environ, "SLOWLY": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "seen\n"
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - sent < 10
    assert process.returncode == 130
    assert errors == "CommandError: shop.Item: interrupted; its rows are as they were.\n"
    assert project.rows("SELECT * FROM shop_item") == before
    assert not list(project.folder.glob("*-journal"))


def test_a_database_without_a_log_says_migrate(project):
    with pytest.raises(Exception, match=r"has no event log: run `manage\.py migrate --database default` first"):
        project.run("events", "replay")
