"""Classes of the project's own for the events of a tracked model."""

import json

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from eventfold.django import TrackedEvent
from tests.django.loans.models import Shelf, Untold
from tests.django.project import Failed, Project

MODELS = """
class Tome(models.Model):
    title = models.CharField(max_length=50)
    pages = models.IntegerField(null=True)
"""

EVENTS = """
from eventfold.django import TrackedEvent, track
from shop.models import Tome

track(Tome)

class TomeEdited(TrackedEvent):
    class Tracks:
        model = Tome
        action = "changed"

    class Meta:
        ordering = ["-position"]

    def says(self):
        return f"{self.key}: {', '.join(self.changed_fields)}"

class TomeFound(TrackedEvent):
    class Tracks:
        model = Tome
        action = "existed"
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.models(MODELS)
    project.write("shop/events.py", EVENTS)
    project.update()
    return project


def say(project, code):
    """Run code with the names that these tests use, and return what it prints."""
    return project.python(
        "from shop.models import Tome\n"
        "from shop.events import TomeEdited, TomeFound\n"
        "from eventfold.django import events_of, history\n" + code
    ).strip()


def test_it_is_a_model_of_the_app_for_what_triggers_record(project):
    printed = say(
        project,
        "tome = Tome.objects.create(title='Emma')\n"
        "Tome.objects.update(title='Persuasion', pages=3)\n"
        "assert events_of(Tome).changed is TomeEdited\n"
        "print([event.says() for event in TomeEdited.objects.all()])\n"
        "print([change.action for change in history(tome)])",
    )
    assert printed.splitlines() == ["['1: title, pages']", "['changed', 'created']"]
    assert project.rows("SELECT name FROM eventfold_type WHERE name LIKE 'shop.%' ORDER BY id") == [
        ("shop.TomeCreated",),
        ("shop.TomeEdited",),
        ("shop.TomeDeleted",),
        ("shop.TomeFound",),
    ]
    assert "shop_tomeedited" in project.views()
    assert "No changes detected" in project.makemigrations("--check", "--dry-run")
    project.run("check", "--database", "default")


def test_it_follows_the_fields_of_the_model(project):
    say(project, "Tome.objects.create(title='Emma', pages=1); Tome.objects.update(pages=2)")
    project.models(MODELS.replace("pages", "sheets") + "    isbn = models.CharField(max_length=20, default='')\n")
    project.makemigrations("-n", "renamed", answers="y\ny\ny\ny\ny\ny\n")
    project.migrate()
    printed = say(
        project,
        "Tome.objects.update(sheets=3, isbn='x')\n"
        "print(list(TomeEdited.objects.values_list('old_sheets', 'new_sheets', 'new_isbn')))\n"
        "print(list(events_of(Tome).created.objects.values_list('new_sheets')))",
    )
    assert printed.splitlines() == ["[(2, 3, 'x'), (1, 2, None)]", "[(1,)]"]
    assert "No changes detected" in project.makemigrations("--check", "--dry-run")


def test_bootstrap_receivers_and_read_models_take_it_by_its_name(project):
    project.write(
        "shop/read_models.py",
        """
        from django.db import models
        from django.db.models.signals import post_save
        from django.dispatch import receiver
        from eventfold.django import Count, ReadModel

        heard = []

        @receiver(post_save, sender="shop.TomeEdited")
        def note(instance, **kwargs):
            heard.append(instance.new_title)

        class Edits(ReadModel):
            key = models.BigIntegerField(primary_key=True)
            edits = models.IntegerField(default=0)

            class Projection:
                key = "key"
                edits = Count("shop.TomeEdited")
        """,
    )
    project.update()
    printed = say(
        project,
        "from shop.read_models import Edits, heard\n"
        "Tome.objects.create(title='Emma')\n"
        "Tome.objects.update(title='Persuasion')\n"
        "print(heard, Edits.objects.values_list('key', 'edits').get())",
    )
    assert printed == "['Persuasion'] (1, 1)"
    rows = project.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'shop_tome'")
    say(
        project,
        "from django.db import connection\n"
        "connection.ensure_connection()\n"
        f"for name, sql in {json.dumps(rows)}: connection.connection.execute(f'DROP TRIGGER {{name}}')\n"
        "Tome.objects.create(title='Sanditon')\n"
        f"for name, sql in {json.dumps(rows)}: connection.connection.execute(sql)\n",
    )
    project.run("events", "bootstrap", "shop.Tome")
    assert say(project, "print(TomeFound.objects.get().new_title)") == "Sanditon"


def test_what_was_recorded_before_it_was_there_has_its_name(tmp_path):
    project = Project(tmp_path)
    project.models(MODELS)
    project.write("shop/events.py", EVENTS[: EVENTS.index("class TomeEdited")])
    project.update()
    project.python("from shop.models import Tome; Tome.objects.create(title='a'); Tome.objects.update(title='b')")
    project.write("shop/events.py", EVENTS)
    project.update()
    printed = say(
        project,
        "Tome.objects.update(title='c')\n"
        "print([event.new_title for event in TomeEdited.objects.all()])\n"
        "print([change.action for change in history(Tome.objects.get())])",
    )
    assert printed.splitlines() == ["['c', 'b']", "['changed', 'changed', 'created']"]


def test_it_may_be_renamed(project):
    say(project, "Tome.objects.create(title='a'); Tome.objects.update(title='b')")
    project.write("shop/events.py", EVENTS.replace("TomeEdited", "TomeAltered"))
    project.makemigrations("-n", "renamed", answers="y\n")
    project.migrate()
    printed = project.python(
        "from shop.models import Tome\n"
        "from shop.events import TomeAltered\n"
        "Tome.objects.update(title='c')\n"
        "print([event.new_title for event in TomeAltered.objects.all()])"
    )
    assert printed.strip() == "['c', 'b']"
    assert "shop_tomeedited" not in project.views()


def test_an_event_class_with_the_name_of_a_tracked_one_is_refused(tmp_path):
    project = Project(tmp_path)
    project.models(MODELS)
    project.write(
        "shop/events.py",
        """
        from django.db import models
        from eventfold.django import Event, track
        from shop.models import Tome

        track(Tome)

        class TomeChanged(Event):
            why = models.TextField()
        """,
    )
    with pytest.raises(Failed, match=r"eventfold\.E106"):
        project.makemigrations()


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"Tracks": type("Tracks", (), {"model": Untold, "action": "changed"})}, "loans.Untold is not tracked"),
        ({"Tracks": type("Tracks", (), {"model": Shelf, "action": "edited"})}, "needs a model and an action"),
        ({"Tracks": type("Tracks", (), {"action": "changed"})}, "needs a model and an action"),
        (
            {
                "Tracks": type("Tracks", (), {"model": Shelf, "action": "changed"}),
                "more": models.CharField(max_length=5),
            },
            "more would hold nothing",
        ),
    ],
)
def test_one_that_cannot_be_says_why(attributes, why):
    with pytest.raises(ImproperlyConfigured, match=why):
        type(TrackedEvent)("Wrong", (TrackedEvent,), {"__module__": "tests.django.loans.events", **attributes})
