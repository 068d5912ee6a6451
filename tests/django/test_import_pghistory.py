"""`events import --from pghistory`, with a real server of PostgreSQL on which django-pghistory makes the data."""

import getpass
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.django.project import Failed, Project

pytestmark = pytest.mark.any_way

pytest.importorskip("pghistory", reason="django-pghistory is not installed")
pytest.importorskip("psycopg", reason="psycopg is not installed, or finds no libpq", exc_type=ImportError)

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))

SETTINGS = """
INSTALLED_APPS = [*INSTALLED_APPS, "pgtrigger", "pghistory"]
SERVER = {{"ENGINE": "django.db.backends.postgresql", "HOST": {host!r}, "USER": "postgres", "NAME": "postgres"}}
DATABASES["pg"] = SERVER
import os
if "BEFORE_THE_MOVE" in os.environ:  # django-pghistory knows who writes to the default database only
    DATABASES = {{"default": SERVER, "sqlite": DATABASES["default"]}}
"""

MODEL = """
import pghistory

@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Book(models.Model):
    title = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    added = models.DateTimeField(null=True)
    tags = models.JSONField(null=True)
    owner = models.ForeignKey("auth.User", null=True, on_delete=models.SET_NULL)
"""


@pytest.fixture(scope="module")
def server():
    """The folder of the socket of a server that lasts for these tests."""
    if not BINARIES:
        pytest.skip("there is no server of PostgreSQL on this machine")
    folder = Path(tempfile.mkdtemp(prefix="eventfold-pg-"))
    run = []
    if getpass.getuser() == "root":  # whom initdb refuses
        shutil.chown(folder, "postgres")
        run = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"

    def call(program, *args):
        subprocess.run(
            [*run, str(BINARIES[-1] / program), *args], check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=120
        )

    try:
        call("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        call("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield str(folder)
        finally:
            call("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


LIFE = """
import datetime, decimal, json, time
import pghistory
from django.contrib.auth.models import User
from django.utils import timezone
from shop.models import Book

ann = User(username="ann", pk=7)
for alias in ("default", "sqlite"):
    ann.save(using=alias, force_insert=True)
books = Book.objects
moments = []

def step():
    time.sleep(0.003)
    rows = {b.pk: {f.attname: str(getattr(b, f.attname)) for f in Book._meta.concrete_fields} for b in books.all()}
    moments.append((timezone.now().isoformat(), rows))
    time.sleep(0.003)

with pghistory.context(user=ann.pk, url="/"):
    first = books.create(title="Zoë", price=decimal.Decimal("12.50"), tags={"a": [1]}, owner=ann,
                         added=datetime.datetime(2020, 1, 2, 3, 4, 5, 678, datetime.timezone.utc))
step()
second = books.create(title="Emma")
step()
books.update(title="of all", price=decimal.Decimal("3"))  # which triggers see
step()
with pghistory.context(user=ann.pk):
    second.delete()
step()
for book in books.all():
    book.save(using="sqlite", force_insert=True)  # the app moves to SQLite
print(json.dumps(moments))
"""


def test_what_triggers_of_postgresql_recorded_becomes_events(server, tmp_path, monkeypatch):
    project = Project(tmp_path, SETTINGS.format(host=server))
    project.models(MODEL)
    project.makemigrations()
    for alias in ("default", "pg"):
        project.migrate("--database", alias)
    monkeypatch.setenv("BEFORE_THE_MOVE", "1")
    moments = json.loads(project.python(LIFE))
    monkeypatch.undo()
    project.models(MODEL + "\nfrom eventfold.django import track\ntrack(Book)\n")
    project.migrate()
    shown = project.run("events", "import", "--from", "pghistory", "--source", "pg", "shop.Book")
    assert "shop.Book: 5 events imported (" in shown
    found = [
        (name, json.loads(data), metadata and json.loads(metadata))
        for name, data, metadata in project.rows(
            "SELECT t.name, e.data, e.metadata FROM eventfold_event AS e JOIN eventfold_type AS t ON t.id = e.type_id "
            "WHERE t.name LIKE 'shop.Book%' AND e.occurred_at IS NOT NULL ORDER BY e.position"
        )
    ]
    names = [name.removeprefix("shop.Book") for name, *_ in found]
    assert (names[:2], sorted(names[2:4]), names[4]) == (["Created", "Created"], ["Changed", "Changed"], "Deleted")
    assert [metadata for *_, metadata in found] == [{"user": "ann"}, None, None, None, {"user": "ann"}]
    assert found[0][1]["new_tags"] == {"a": [1]}
    shown = project.python(
        f"""
        import datetime, json
        from eventfold.django import as_of
        from shop.models import Book
        for moment, rows in json.loads({json.dumps(moments)!r}):
            for key in (1, 2):
                try:
                    book = as_of(Book(pk=key), datetime.datetime.fromisoformat(moment))
                except Book.DoesNotExist:
                    assert str(key) not in rows
                    continue
                said = {{f.attname: str(getattr(book, f.attname)) for f in Book._meta.concrete_fields}}
                assert said == rows[str(key)], (said, rows)
        print("the same")
        """
    )
    assert shown == "the same\n"


def test_a_tracker_of_old_rows_is_refused(server, tmp_path):
    project = Project(tmp_path, SETTINGS.format(host=server))
    project.models(
        MODEL.replace("UpdateEvent()", 'UpdateEvent(row="OLD")') + "\nfrom eventfold.django import track\ntrack(Book)\n"
    )
    project.makemigrations()
    project.migrate()
    with pytest.raises(Failed, match="tracker 'update' keeps rows as they were before an update"):
        project.run("events", "import", "--from", "pghistory", "--source", "pg")
