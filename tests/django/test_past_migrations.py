"""The past of a table that migrations have changed since."""

import pytest

from tests.django.project import Project

pytestmark = pytest.mark.any_way

BEFORE = """
    from eventfold.django import track

    @track
    class Book(models.Model):
        name = models.CharField(max_length=50)
        pages = models.IntegerField(default=1)
        colour = models.CharField(max_length=9, default="red")
"""
AFTER = """
    import uuid
    from eventfold.django import track

    @track
    class Book(models.Model):
        title = models.CharField(max_length=50)
        pages = models.CharField(max_length=9, null=True)
        shelf = models.CharField(max_length=9, default="A1")
        note = models.TextField(blank=True)
        code = models.IntegerField()
        mark = models.UUIDField(default=uuid.uuid4, null=True)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("past"))
    made.models(BEFORE)
    made.update()
    made.python(
        """
        from shop.models import Book
        Book.objects.create(name="Emma", pages=3)
        Book.objects.create(name="Gone", pages=4)
        Book.objects.filter(pk=1).update(name="Persuasion", colour="blue")
        Book.objects.filter(pk=2).delete()
        """
    )
    made.models(AFTER)
    made.migration(
        2,
        "change",
        """
        migrations.RenameField("book", "name", "title"),
        migrations.RemoveField("book", "colour"),
        migrations.AlterField("book", "pages", models.CharField(max_length=9, null=True)),
        migrations.AddField("book", "shelf", models.CharField(max_length=9, default="A1")),
        migrations.AddField("book", "note", models.TextField(blank=True)),
        migrations.AddField("book", "code", models.IntegerField(default=7), preserve_default=False),
        migrations.AddField("book", "mark", models.UUIDField(default=uuid.uuid4, null=True)),
        """,
        before="import uuid",
    )
    made.run("migrate")
    assert "No changes" in made.makemigrations()
    return made


def test_a_row_and_the_tables_are_read_by_the_names_of_today(project):
    printed = project.python(
        """
        from eventfold.django import as_of, diff, history, past
        from shop.models import Book
        book = Book.objects.get()
        created, changed = history(book).order_by("position")
        print(created.new, changed.old)
        then = as_of(book, created.position)
        print({name: then.__dict__.get(name) for name in ("title", "pages", "shelf", "note", "code", "mark")})
        print(diff(book, created.position, changed.position))
        with past(created.position + 1):
            print(list(Book.objects.values_list("title", "pages", "shelf", "note", "code", "mark")))
        """
    ).splitlines()
    assert printed == [
        "{'id': 1, 'title': 'Emma', 'pages': '3', 'colour': 'red'} {'title': 'Emma', 'colour': 'red'}",
        "{'title': 'Emma', 'pages': '3', 'shelf': 'A1', 'note': '', 'code': 7, 'mark': None}",
        "{'title': ('Emma', 'Persuasion')}",
        "[('Emma', '3', 'A1', '', 7, None), ('Gone', '4', 'A1', '', 7, None)]",
    ]


def test_only_what_the_log_cannot_know_of_a_migration_differs(project):
    from tests.django.project import Failed

    with pytest.raises(Failed) as failed:
        project.run("events", "verify")
    (line,) = [line for line in str(failed.value).splitlines() if "in the table" in line]
    assert line.startswith("shop.Book 1: mark is missing in the log, ")
    project.run("events", "verify", "--repair")
    assert "all as the log says" in project.run("events", "verify", "shop.Book")
    printed = project.python(
        """
        from eventfold.django import history, past
        from shop.models import Book
        book = Book.objects.get()
        with past(history(book)[0].position):
            assert Book.objects.get().mark == book.mark != None
        Book.objects.update(shelf="B2", code=8)
        print(history(book)[0].old)
        """
    )
    assert printed.strip() == "{'shelf': 'A1', 'code': 7}"


def test_the_timeline_has_the_names_of_today(project):
    lines = [line.strip() for line in project.run("events", "show", "shop.Book:1", "--limit", "2").splitlines()]
    assert 'title: "Emma" -> "Persuasion"' in lines
    assert 'colour: "red" -> "blue"' in lines


def test_a_default_is_only_asked_for_when_its_field_is_added(tmp_path):
    project = Project(tmp_path)
    first = """
        from pathlib import Path
        from eventfold.django import track

        def counted():
            with Path("calls").open("a") as calls:
                calls.write("x")
            return 7

        @track
        class Item(models.Model):
            size = models.IntegerField(default=1)
    """
    project.models(first)
    project.update()
    project.python("from shop.models import Item; Item.objects.create()")
    project.models(first + "        count = models.IntegerField(default=counted)\n")
    project.update()
    assert (tmp_path / "calls").read_text()
    assert "all as the log says" in project.run("events", "verify")
    (tmp_path / "calls").write_text("")
    project.models(
        first.replace("size =", "width =")
        + "        count = models.IntegerField(default=counted)\n        note = models.TextField(default='')\n"
    )
    project.update()
    assert not (tmp_path / "calls").read_text()
