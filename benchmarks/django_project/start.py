"""Starting the project on a database file."""

import os
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection


def start(database: Path, *more_apps: str) -> None:
    """Set Django up on this file, once a process, with these apps too, and migrate it."""
    os.environ["EVENTFOLD_BENCH_DATABASE"] = str(database)
    os.environ["EVENTFOLD_BENCH_APPS"] = " ".join(more_apps)
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.django_project.settings"
    django.setup()
    call_command("migrate", verbosity=0)


def settle() -> None:
    """Bring the WAL into the file, so that nobody's time includes what another has left there."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
