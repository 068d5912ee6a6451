"""Triggers and views of tracked tables follow migrations."""

import pytest

from tests.django.project import Project

pytestmark = pytest.mark.any_way

TRACKED = """
    from eventfold.django import track

    class Author(models.Model):
        name = models.CharField(max_length=20)

    class Book(models.Model):
        title = models.CharField(max_length=50)
        pages = models.IntegerField(default=1)
        author = models.ForeignKey(Author, null=True, on_delete=models.CASCADE)
"""
TRACK = """
    track(Book)
"""


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    made.models(TRACKED + TRACK)
    made.update()
    made.python("from shop.models import Book; Book.objects.create(title='Emma')")
    return made


def events(project):
    """(name of the type, data) of each event."""
    return project.rows(
        "SELECT substr(name, 6), data FROM eventfold_event JOIN eventfold_type ON type_id = id ORDER BY position"
    )


def triggers(project, table="shop_book"):
    return len(
        project.rows(
            "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? AND name LIKE '%tracks%'", table
        )
    )


def test_tracking_comes_with_migrate_and_goes_with_it(project):
    assert triggers(project) == 4
    assert events(project) == [
        ("BookCreated", '{"key":1,"new_id":1,"new_title":"Emma","new_pages":1,"new_author":null}')
    ]
    project.models(TRACKED)
    project.update()
    assert triggers(project) == 0
    project.python("from shop.models import Book; Book.objects.update(pages=9)")
    assert len(events(project)) == 1  # what was recorded stays
    project.models(TRACKED + TRACK)
    project.update()
    assert triggers(project) == 4
    assert project.rows("SELECT new_title FROM shop_bookcreated") == [("Emma",)]


def test_makemigrations_sees_nothing_of_tracked_event_types(project):
    assert "No changes" in project.makemigrations()


CHANGES = {
    "a field is added": (
        "pages = models.IntegerField(default=1)",
        "pages = models.IntegerField(default=1)\n        isbn = models.CharField(max_length=9, default='-')",
        {"isbn": "x"},
        "new_isbn",
    ),
    "a field is altered": (
        "pages = models.IntegerField(default=1)",
        "pages = models.CharField(max_length=9, default='1')",
        {"pages": "many"},
        "new_pages",
    ),
    "a field is removed": ("pages = models.IntegerField(default=1)", "", {"title": "x"}, "new_title"),
    "a column is renamed": (
        "pages = models.IntegerField(default=1)",
        "pages = models.IntegerField(default=1, db_column='sheets')",
        {"pages": 5},
        "new_pages",
    ),
    "the table is renamed": (
        "author = models",
        "class Meta:\n            db_table = 'tomes'\n        author = models",
        {"pages": 5},
        "new_pages",
    ),
    "another table is made anew": (
        "name = models.CharField(max_length=20)",
        "id = models.CharField(max_length=9, primary_key=True)\n        name = models.CharField(max_length=20)",
        {"pages": 5},
        "new_pages",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_tracked_table_stays_tracked_when(project, change):
    old, new, values, key = CHANGES[change]
    project.models(TRACKED.replace(old, new) + TRACK)
    project.update()
    project.python(f"from shop.models import Book; Book.objects.update(**{values})")
    name, data = events(project)[-1]
    assert name == "BookChanged"
    assert f'"{key}":' in data
    project.migrate("shop", "0001")
    project.python(
        "from django.db import connection; connection.cursor().execute(\"UPDATE shop_book SET title = 'back'\")"
    )
    assert events(project)[-1][0] == "BookChanged"
    assert '"new_title":"back"' in events(project)[-1][1]
    project.migrate()
    project.run("check", "--database", "default")


def test_a_renamed_field_and_a_renamed_model_keep_their_events(project):
    renamed = (TRACKED + TRACK).replace("pages =", "sheets =")
    project.models(renamed)
    project.makemigrations(answers="y\n")
    project.migrate()
    assert project.rows("SELECT new_sheets FROM shop_bookcreated") == [(1,)]
    project.models(renamed.replace("Book", "Tome"))
    project.makemigrations(answers="y\ny\n")
    project.migrate()
    assert project.rows("SELECT new_sheets FROM shop_tomecreated") == [(1,)]
    project.python("from shop.models import Tome; Tome.objects.update(sheets=2)")
    assert events(project)[-1] == ("TomeChanged", '{"key":1,"old_sheets":1,"new_sheets":2}')
    project.run("check", "--database", "default")
    assert (
        project.python(
            "from shop.models import Tome; from eventfold.django import as_of, history\n"
            "tome = Tome.objects.get(); print(as_of(tome, history(tome).last().position).sheets)"
        )
        == "1\n"
    )


def test_a_data_migration_in_the_middle_is_recorded(project):
    project.migration(
        2,
        "data",
        "migrations.AddField('book', 'isbn', models.CharField(max_length=9, default='-')), "
        "migrations.RunPython(fill), migrations.RemoveField('book', 'isbn')",
        before="""
            def fill(apps, schema_editor):
                apps.get_model("shop", "Book").objects.update(isbn="x")
        """,
    )
    project.migrate()
    assert events(project)[-1] == ("BookChanged", '{"key":1,"old_isbn":"-","new_isbn":"x"}')
    project.run("check", "--database", "default")


def test_an_empty_log_that_is_removed_takes_its_triggers_with_it(project):
    project.run("flush", "--events", "--no-input")
    project.migrate("eventfold", "zero")
    assert triggers(project) == 0
    project.python("from shop.models import Book; Book.objects.create(title='Emma')")
    project.migrate()
    assert triggers(project) == 4


def test_a_model_of_another_app_is_tracked_by_a_setting(tmp_path):
    project = Project(tmp_path, 'EVENTFOLD = {"TRACK": [{"model": "contenttypes.ContentType"}]}')
    project.migrate()
    assert triggers(project, "django_content_type") == 4
    assert "ContentTypeCreated" in dict(events(project)).__str__()
