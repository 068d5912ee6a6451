"""A small Django project in a folder of its own, driven by its manage.py, so that its classes can change."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

SETTINGS = """
SECRET_KEY = "tests only"
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop", "eventfold.django"]
STATIC_URL = "static/"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "db.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}
"""

MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""

MODELS = """
from django.db import models
from eventfold.django import Event
"""


SETUP = "import django; django.setup()\n"


class Failed(Exception):
    """A command ended with an error; the message is what it printed."""


class Project:
    def __init__(self, folder: Path, settings: str = "") -> None:
        self.folder = folder
        (folder / "shop" / "migrations").mkdir(parents=True)
        self.write("shop/__init__.py", "")
        self.write("shop/migrations/__init__.py", "")
        self.write("settings.py", SETTINGS + dedent(settings))
        self.write("manage.py", MANAGE)
        self.models("")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))

    def models(self, text: str) -> None:
        """Replace shop/models.py."""
        self.write("shop/models.py", MODELS + dedent(text))

    def migration(self, number: int, name: str, operations: str, before: str = "", attributes: str = "") -> None:
        """Write a migration of shop by hand, which follows the one with the number before it."""
        previous = sorted(path.stem for path in (self.folder / "shop/migrations").glob(f"{number - 1:04d}_*.py"))
        dependencies = [("shop", previous[-1])] if previous else []
        self.write(
            f"shop/migrations/{number:04d}_{name}.py",
            "from django.db import migrations, models\n"
            f"{dedent(before)}\n"
            "class Migration(migrations.Migration):\n"
            f"    dependencies = {dependencies}\n"
            f"    {attributes}\n"
            f"    operations = [{dedent(operations)}]\n",
        )

    def run(self, *args: str, answers: str = "") -> str:
        """Run manage.py; `answers` are what is typed when it asks. Raises Failed."""
        return self._call([sys.executable, "manage.py", *args], answers)

    def python(self, code: str) -> str:
        """Run Python code in the project."""
        return self._call([sys.executable, "-c", SETUP + dedent(code)])

    def start(self, code: str) -> subprocess.Popen[str]:
        """Start a process that runs Python code in the project, and go on beside it."""
        return subprocess.Popen(
            [sys.executable, "-c", SETUP + dedent(code)],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _call(self, command: list[str], answers: str = "") -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            input=answers,
            capture_output=True,
            text=True,
            env=self._environment(),
            check=False,
        )
        if done.returncode:
            raise Failed(done.stdout + done.stderr)
        return done.stdout + done.stderr

    def _environment(self) -> dict[str, str]:
        # bytecode of a module that is replaced within a second would be taken for the new one's
        return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "DJANGO_SETTINGS_MODULE": "settings"}

    def makemigrations(self, *args: str, answers: str = "") -> str:
        return self.run("makemigrations", "shop", *args, answers=answers)

    def update(self) -> None:
        """makemigrations and migrate, in one process."""
        self.python(
            """
            from django.core.management import call_command

            call_command("makemigrations", "shop", interactive=False, verbosity=0)
            call_command("migrate", interactive=False, verbosity=0)
            """
        )

    def copy(self, folder: Path) -> "Project":
        """The same project, database included, in another folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        copied = Project.__new__(Project)
        copied.folder = folder
        return copied

    def migrate(self, *args: str) -> str:
        return self.run("migrate", *args)

    def rows(self, sql: str, *parameters: object) -> list[tuple]:
        """What the database answers to a query."""
        connection = sqlite3.connect(self.folder / "db.sqlite3")
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def view(self, name: str) -> list[dict]:
        """The rows of a view by position, without their time."""
        connection = sqlite3.connect(self.folder / "db.sqlite3")
        connection.row_factory = sqlite3.Row
        try:
            found = [dict(row) for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY position')]
        finally:
            connection.close()
        for row in found:
            del row["created"]
        return found

    def views(self) -> list[str]:
        return [
            name
            for (name,) in self.rows(
                "SELECT name FROM sqlite_master WHERE type = 'view' AND name <> 'eventfold_head' ORDER BY name"
            )
        ]

    def append(self, event_type: str, *events: dict) -> None:
        """Record events by EventLog, as they were recorded by an earlier class."""
        code = "from eventfold import EventLog\nwith EventLog('db.sqlite3') as log:\n"
        code += "".join(f"    log.append({event_type!r}, {event!r})\n" for event in events)
        self._call([sys.executable, "-c", code])

    def type_fields(self, label: str) -> dict:
        return json.loads(self.rows("SELECT fields FROM eventfold_type WHERE name = ?", label)[0][0])
