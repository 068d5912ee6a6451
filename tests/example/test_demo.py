"""`manage.py demo`, as it is typed, on a small library."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from demo.management.commands.demo import PASSWORD


def manage(database: Path, *args: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "LIBRARY_DATABASE": str(database)}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=database.parent)


SMALL = ["--books=60", "--readers=20", "--events=3000", "--sample=300"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The database of a small library, and what was printed when it was made."""
    database = tmp_path_factory.mktemp("demo") / "library.sqlite3"
    done = manage(database, "demo", *SMALL)
    assert done.returncode == 0, done.stderr
    return database, done.stdout


def shell(database: Path, code: str) -> str:
    done = manage(database, "shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_says_how_long_each_part_took(made):
    _, printed = made
    for part in ("append", "events replay library.BookList"):
        assert re.search(rf"{part}.* 3,000 +\d+\.\d\d +\d", printed), printed
    assert printed.count("×") >= 3
    assert "on a sample" in printed


def test_it_says_how_to_start_the_site_and_leaves_no_other_file(made):
    database, printed = made
    assert "make serve" in printed
    assert {path.name.removesuffix("-wal").removesuffix("-shm") for path in database.parent.iterdir()} == {
        database.name
    }


def test_the_demo_reader_can_log_in(made):
    database, printed = made
    assert PASSWORD in printed
    code = f"from django.test import Client; print(Client().login(username='ann', password='{PASSWORD}'))"
    assert shell(database, code) == "True"


def test_both_libraries_hold_the_same_books(made):
    code = """
from library.read_models import BookList
from traditional.models import Book
columns = ["pk", "title", "author", "borrow_count", "borrowed_on"]
ours = list(BookList.objects.order_by("pk").values_list(*columns, "borrowed_by"))
theirs = list(Book.objects.order_by("pk").values_list(*columns, "borrowed_by__username"))
print(len(ours), ours == theirs)
"""
    assert shell(made[0], code) == "60 True"


def test_a_library_that_is_there_is_not_replaced_unasked(made):
    database, _ = made
    refused = manage(database, "demo", *SMALL)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    assert shell(database, "from library.read_models import BookList; print(BookList.objects.count())") == "60"
    assert manage(database, "demo", "--replace", *SMALL, "--sample=0").returncode == 0
