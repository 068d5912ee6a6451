"""`manage.py events status`, `show` and `stats`."""

import io
import json
import re
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.signals import post_save, pre_save

from eventfold.django import Recorded
from tests.django.books.events import BookBorrowed
from tests.django.project import Project
from tests.django.shelves.events import Cleared, Noted, Stored
from tests.django.shelves.helpers import given_some_events, replayed
from tests.django.shelves.read_models import Place

pytestmark = pytest.mark.django_db


def run(*args, **options):
    stream = io.StringIO()
    call_command("events", *args, stdout=stream, **options)
    return stream.getvalue()


def lines_of(*args, **options):
    return run(*args, **options).splitlines()


@pytest.fixture
def first():
    """The position before the first event of the test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT head FROM eventfold_header")
        return cursor.fetchone()[0]


def positions(*args, **options):
    return [int(line.split()[0]) for line in lines_of("show", *args, **options)]


def test_show_has_one_line_for_each_event(first):
    noted = Noted.objects.create(author="Zoë", words=3)
    shown = lines_of("show", after=first)
    at = noted.created.strftime("%Y-%m-%d %H:%M:%S.") + f"{noted.created.microsecond // 1000:03d}"
    assert shown == [f'{noted.position:>8} {at} shelves.Noted {{"author":"Zoë","words":3}}']


def test_show_has_stream_version_and_metadata(first):
    BookBorrowed.objects.create(book=7, borrowed_by="ann", recorded=Recorded(metadata={"user": 1}))
    (line,) = lines_of("show", after=first)
    assert re.search(r'books\.BookBorrowed book-7@\d+ \{"book":7,"borrowed_by":"ann".*\} \{"user":1\}$', line)


def test_show_filters(first):
    for number in range(4):
        Noted.objects.create(author="a", words=number)
        Cleared.objects.create(shelf="a", row=number)
        BookBorrowed.objects.create(book=number % 2, borrowed_by="ann")
    every = list(range(first + 1, first + 13))
    assert positions(after=first) == every
    assert positions("--type", "shelves.Noted", after=first) == every[::3]
    assert positions("--type", "shelves.Noted", "--type", "shelves.Cleared", "--limit", "3", after=first) == [
        *every[0:2],
        every[3],
    ]
    assert positions("--stream", "book-1", after=first) == [every[5], every[11]]
    assert positions("--until", str(first + 4), after=first) == every[:4]
    assert positions("--tail", "2") == every[-2:]
    assert positions("--tail", "2", "--type", "shelves.Cleared") == [every[7], every[10]]
    assert positions("--tail", after=first) == every[-10:]
    assert positions("--limit", "0") == []


def test_show_reads_a_long_log_piece_by_piece(first, monkeypatch):
    Cleared.objects.bulk_create([Cleared(shelf="a", row=n) for n in range(25)])
    monkeypatch.setattr("eventfold.django.management.subcommands.show._BATCH", 10)
    every = list(range(first + 1, first + 26))
    assert positions(after=first) == every
    assert positions("--tail", "20", after=first) == every[-20:]
    assert positions("--tail", "99", after=first) == every


def test_show_as_json(first):
    event = Stored.objects.create(shelf="a", row=1, title="é")
    (line,) = lines_of("show", "--json", after=first)
    shown = json.loads(line)
    assert shown["position"] == event.position
    assert shown["type"] == "shelves.Stored"
    assert shown["data"]["title"] == "é"
    assert shown["event_id"] == str(event.recorded.event_id)
    assert (shown["stream"], shown["version"], shown["metadata"]) == (None, None, None)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--type", "shelves.Lost"], "shelves.Lost"),
        (["--limit", "-1"], "--limit must not be negative"),
        (["--tail", "-1"], "--tail must not be negative"),
        (["--tail", "3", "--limit", "3"], "--tail says how many events to show, and so does --limit"),
    ],
)
def test_show_says_what_it_cannot_do(args, message):
    given_some_events()
    with pytest.raises(CommandError, match=message):
        run("show", *args)


def test_stats_counts(first):
    given_some_events()
    counts = {name: int(count.replace(",", "")) for count, name in map(str.split, lines_of("stats"))}
    assert counts["events"] == Stored.objects.count() + Cleared.objects.count() + Noted.objects.count() + 1
    assert (counts["shelves.Stored"], counts["shelves.Noted"], counts["shelves.Taken"]) == (4, 3, 1)
    assert counts["bytes"] > 0


def test_status_says_how_sqlite_is_reached_and_where_the_log_is(first):
    given_some_events()
    shown = run("status")
    with connection.cursor() as cursor:
        cursor.execute("SELECT log_id FROM eventfold_header")
        (log_id,) = cursor.fetchone()
    assert f"Log of 'default': {log_id}, epoch " in shown
    assert f", head {first + 9:,}" in shown
    assert re.search(r"^SQLite 3\.\d+\.\d+, .*, reached by (load_extension|auto_extension|dbapi)$", shown, re.M)


def test_status_names_what_costs_an_append_its_fast_path():
    def listener(**kwargs):
        pass

    pre_save.connect(listener, sender="shelves.Cleared")
    post_save.connect(listener)
    try:
        shown = run("status")
    finally:
        pre_save.disconnect(listener, sender=Cleared)
        post_save.disconnect(listener)
    (cleared,) = [line for line in shown.splitlines() if line.startswith("  shelves.Cleared:")]
    assert "pre_save: tests.django.test_command_events." in cleared
    assert "post_save: tests.django.test_command_events." in cleared
    shown = run("status")
    assert "shelves.Cleared:" not in shown
    assert "  shelves.Taken: an @on method of shelves.Diary" in shown
    (noted,) = [line for line in shown.splitlines() if line.startswith("  shelves.Noted:")]
    assert "post_save: tests.django.shelves.read_models.keep_author" in noted


def test_status_says_where_each_read_model_stands(first):
    given_some_events()
    replayed()
    head = f"{first + 9:,}"
    assert f"  shelves.Place: 2 rows, up to position {head}" in lines_of("status")
    assert f"  shelves.Author: 2 rows, up to position {head}" in lines_of("status")
    Place.objects.all().delete()
    (line,) = [line for line in lines_of("status") if line.startswith("  shelves.Place:")]
    assert line.startswith("  shelves.Place: 0 rows; a replay is due, since ")
    assert line.endswith(": run `manage.py events replay shelves.Place --database default`")


def test_status_of_a_read_model_without_a_table():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shelves_place RENAME TO elsewhere")
    assert "  shelves.Place: it has no table yet: run `manage.py migrate --database default`" in lines_of("status")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    project = Project(tmp_path)
    project.models("class Sold(Event):\n    item = models.BigIntegerField()\n")
    project.makemigrations()
    project.migrate()
    project.python("from shop.models import *\nSold.objects.bulk_create([Sold(item=n) for n in range(20000)])")
    done = subprocess.run(
        f"{sys.executable} manage.py events show | head -n 1",
        shell=True,
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == "1"
    assert done.stderr == ""


def test_a_subcommand_is_needed():
    with pytest.raises(CommandError, match="subcommand"):
        run()
