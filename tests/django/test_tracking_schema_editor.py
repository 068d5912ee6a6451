"""What changes a tracked table past the migrations' own operations leaves it tracked."""

import pytest

from tests.django.project import Project
from tests.django.test_tracking_migrations import TRACK, TRACKED, events, triggers

pytestmark = pytest.mark.any_way


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    made.models(TRACKED + TRACK)
    made.update()
    made.python("from shop.models import Book; Book.objects.create(title='Emma')")
    return made


def test_a_column_is_dropped_by_sql_of_ones_own(project):
    project.migration(
        2,
        "drop",
        """
        migrations.RunSQL('ALTER TABLE shop_book DROP COLUMN pages'),
        migrations.RunSQL("UPDATE shop_book SET title = 'Persuasion'"),
        """,
    )
    project.migrate()
    assert events(project)[-1] == ("BookChanged", '{"key":1,"old_title":"Emma","new_title":"Persuasion"}')
    project.models(TRACKED.replace("pages = models.IntegerField(default=1)", "") + TRACK)
    project.migrate()
    project.run("check", "--database", "default")


def test_a_table_is_made_anew_in_the_middle_of_a_migration(project):
    project.migration(
        2,
        "widen",
        """
        migrations.RunPython(widen),
        migrations.RunSQL("UPDATE shop_book SET pages = 'many'"),
        migrations.RenameField('book', 'title', 'name'),
        migrations.AlterField('book', 'pages', models.TextField(default='')),
        """,
        before="""
            def widen(apps, schema_editor):
                Book = apps.get_model("shop", "Book")
                old, new = Book._meta.get_field("pages"), models.TextField(default="")
                new.set_attributes_from_name("pages")
                new.model = Book
                schema_editor.alter_field(Book, old, new)
        """,
    )
    names = TRACKED.replace("title =", "name =").replace("IntegerField(default=1)", "TextField(default='')")
    project.models(names + TRACK)
    project.migrate()
    assert events(project)[-1] == ("BookChanged", '{"key":1,"old_pages":"1","new_pages":"many"}')
    project.run("check", "--database", "default")
    project.python("from shop.models import Book; Book.objects.update(name='Persuasion')")
    assert events(project)[-1] == ("BookChanged", '{"key":1,"old_name":"Emma","new_name":"Persuasion"}')


def test_a_table_takes_the_name_of_another_that_keeps_its_triggers(project):
    project.migration(
        2,
        "by_hand",
        """
        migrations.RunSQL(["ALTER TABLE shop_book RENAME TO before", CREATE]),
        migrations.RunSQL(["INSERT INTO shop_book (id, title, pages) SELECT id, 'x', pages FROM before"]),
        migrations.RunSQL(["DROP TABLE before"]),
        """,
        before="""
            CREATE = (
                "CREATE TABLE shop_book (id INTEGER PRIMARY KEY, title TEXT, pages INTEGER, "
                "author_id INTEGER REFERENCES shop_author (id))"
            )
        """,
    )
    project.migrate()
    assert triggers(project) == 4
    assert events(project)[-1] == (
        "BookCreated",
        '{"key":1,"new_id":1,"new_title":"x","new_pages":1,"new_author":null}',
    )
    project.run("check", "--database", "default")


def test_an_app_alters_its_table_of_its_own_accord(project):
    printed = project.python(
        """
        from django.db import connection, models
        from django.test.utils import CaptureQueriesContext
        from shop.models import Author, Book

        old, new = Book._meta.get_field("pages"), models.IntegerField(null=True)
        new.set_attributes_from_name("pages")
        new.model = Book
        with connection.schema_editor() as editor:
            editor.alter_field(Book, old, new)  # makes the table anew
            Book.objects.update(title="Persuasion")
            editor.remove_field(Book, new)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE shop_book SET title = 'Sanditon'")
        field = Author._meta.get_field("name")
        with connection.schema_editor() as editor, CaptureQueriesContext(connection) as queries:
            editor.remove_field(Author, field)  # which is not tracked, so that it costs no query more
        print(sum("DROP COLUMN" not in query["sql"] for query in queries.captured_queries))
        """
    )
    assert printed == "0\n"
    assert triggers(project) == 4
    assert events(project)[1:] == [
        ("BookChanged", '{"key":1,"old_title":"Emma","new_title":"Persuasion"}'),
        ("BookChanged", '{"key":1,"old_title":"Persuasion","new_title":"Sanditon"}'),
    ]


def test_an_error_of_the_statement_itself_is_left_as_it_is(project):
    printed = project.python(
        """
        from django.db import OperationalError, connection
        with connection.schema_editor() as editor:
            try:
                editor.execute("ALTER TABLE shop_book DROP COLUMN nothing")
            except OperationalError as error:
                print(error)
        """
    )
    assert "nothing" in printed
    assert triggers(project) == 4
