"""`manage.py events import`: what other packages recorded becomes events. The packages themselves make the data."""

import json

import pytest

from tests.django.project import Failed, Project

pytestmark = pytest.mark.any_way

FIELDS = """
    title = models.CharField(max_length=50)
    pages = models.IntegerField(null=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    rating = models.FloatField(null=True)
    available = models.BooleanField(default=True)
    published = models.DateField(null=True)
    added = models.DateTimeField(null=True)
    lent_for = models.DurationField(null=True)
    tags = models.JSONField(null=True)
    isbn = models.UUIDField(null=True)
    secret = models.CharField(max_length=50, default="")
    owner = models.ForeignKey("auth.User", null=True, on_delete=models.SET_NULL)
"""

MODELS = {
    "simple_history": "from simple_history.models import HistoricalRecords\n"
    f"class Book(models.Model):{FIELDS}    history = HistoricalRecords()\n",
    "auditlog": f"from auditlog.registry import auditlog\nclass Book(models.Model):{FIELDS}\nauditlog.register(Book)\n",
    "reversion": f"import reversion\n@reversion.register\nclass Book(models.Model):{FIELDS}\n",
}

# A life of some rows, by the package's own means; each step is said to `step()`.
LIFE = """
import datetime, decimal, json, time, uuid
from django.contrib.auth.models import User
from django.utils import timezone
from shop.models import *

ann = User.objects.create(username="ann")
moments = []

def step():
    time.sleep(0.003)  # each change has a millisecond of its own
    moments.append((timezone.now().isoformat(), dump()))
    time.sleep(0.003)

def dump():
    return {book.pk: {field.attname: str(getattr(book, field.attname)) for field in Book._meta.concrete_fields
                      if field.name != "secret"} for book in Book.objects.all()}

with by(ann):
    first = Book.objects.create(
        title='Zoë "x"', pages=3, price=decimal.Decimal("12.50"), rating=0.1, published=datetime.date(2020, 2, 29),
        added=datetime.datetime(2020, 1, 2, 3, 4, 5, 678, datetime.timezone.utc), tags={"a": [1, None]},
        lent_for=datetime.timedelta(days=1, microseconds=5), isbn=uuid.UUID(int=7), secret="x", owner=ann,
    )
step()
with by(None):
    second = Book.objects.create(title="Emma")
step()
with by(ann):
    first.title, first.pages, first.tags, first.available = "Persuasion", None, None, False
    first.save()
step()
with by(None):
    first.save()
    second.price = decimal.Decimal("3")
    second.secret = "y"
    second.save()
step()
with by(ann):
    second.delete()
step()
with by(None):
    third = Book.objects.create(title="None", rating=1e300)
step()
print(json.dumps(moments))
"""

BY = {
    "simple_history": """
from contextlib import contextmanager
@contextmanager
def by(user):
    from shop.models import Book
    Book._history_user = user
    yield
""",
    "auditlog": """
from auditlog.context import set_actor as by
""",
    "reversion": """
from contextlib import contextmanager
import reversion
@contextmanager
def by(user):
    with reversion.create_revision():
        if user:
            reversion.set_user(user)
        yield
""",
}


@pytest.fixture(params=["simple_history", "auditlog"])
def package(request):
    return request.param


def project_with(folder, *packages):
    return Project(folder, f"INSTALLED_APPS = [*INSTALLED_APPS, *{list(packages)}]\n")


@pytest.fixture
def project(tmp_path, package):
    return project_after_life(tmp_path, package)


def project_after_life(tmp_path, package):
    """A project whose package has recorded some changes, and that is tracked now; `moments`: what was there when."""
    project = project_with(tmp_path, package)
    project.models(MODELS[package])
    project.update()
    project.moments = json.loads(project.python(BY[package] + LIFE))
    project.models(MODELS[package] + "from eventfold.django import track\ntrack(Book, mask=['secret'])\n")
    project.migrate()
    return project


def events(project, condition="e.occurred_at IS NOT NULL"):
    """The events that were imported: (name, data, metadata, when)."""
    return [
        (name.removeprefix("shop.Book"), json.loads(data), metadata and json.loads(metadata), occurred_at)
        for name, data, metadata, occurred_at in project.rows(
            "SELECT t.name, e.data, e.metadata, e.occurred_at FROM eventfold_event AS e "
            "JOIN eventfold_type AS t ON t.id = e.type_id WHERE t.name LIKE 'shop.Book%' "
            f"AND {condition} ORDER BY position"
        )
    ]


def test_versions_of_reversion_say_neither_when_a_row_began_nor_when_it_ended(tmp_path):
    project = project_after_life(tmp_path, "reversion")
    assert "shop.Book: 6 events imported; 1 rows are gone, which it did not record (" in project.run(
        "events", "import", "--from", "reversion"
    )
    found = events(project)
    assert [name for name, *_ in found] == ["Existed", "Existed", "Changed", "Changed", "Existed", "Deleted"]
    assert [metadata for _, _, metadata, _ in found] == [{"user": "ann"}, None, {"user": "ann"}, None, None, None]
    assert found[-1][1]["old_title"] == "Emma"
    shown = past(project)
    for (_, was), (_, said) in zip(project.moments, shown, strict=True):
        for key, fields in was.items():
            assert said[key] == fields | {"added": fields["added"].replace(".000678", "")}  # as its JSON has it
    assert shown[-1][1]["2"]["title"] == "Emma"  # nobody knows when it went
    with pytest.raises(Failed, match="DoesNotExist"):
        project.python("from shop.models import *\nfrom eventfold.django import as_of\nas_of(Book(pk=2), 10**9)")


def test_a_row_that_went_unseen_has_ended_when_tracking_began(tmp_path):
    project = project_with(tmp_path, "simple_history")
    project.models(MODELS["simple_history"])
    project.update()
    project.python(
        """
        from shop.models import *
        Book.objects.create(title="Emma")
        seen = Book.objects.create(title="x")
        seen.title = "Persuasion"
        seen.save()
        Book.objects.filter(title="Persuasion")._raw_delete("default")
        """
    )
    project.models(MODELS["simple_history"] + "from eventfold.django import track\ntrack(Book)\n")
    project.migrate()
    project.python("from shop.models import *\nBook.objects.all().delete()")
    shown = project.run("events", "import", "--from", "simple_history")
    assert "5 events imported; 1 records are from after tracking began, and left out; 1 rows are gone" in shown
    found = events(project)
    # the end of the first is in the log before its beginning: whoever folds positions finds one after it
    assert sorted((data["key"], name) for name, data, *_ in found) == [
        *[(1, "Created"), (1, "Deleted")],
        *[(2, "Changed"), (2, "Created"), (2, "Deleted")],
    ]
    assert [name for name, *_ in found[-2:]] == ["Deleted", "Deleted"]
    assert {data["old_title"] for name, data, *_ in found if name == "Deleted"} == {"Emma", "Persuasion"}
    (began,) = project.rows("SELECT min(created) FROM eventfold_event WHERE occurred_at IS NULL")[0]
    assert all(when < began for *_, when in found)
    assert project.run("events", "verify", "shop.Book")


def past(project):
    """What as_of says of each row at each moment, as the test's dump has it."""
    return json.loads(
        project.python(
            f"""
            import datetime, json
            from eventfold.django import as_of
            from eventfold.django.tracking.history import NotRecorded
            from shop.models import Book
            found = []
            for moment, _ in json.loads({json.dumps(project.moments)!r}):
                rows = {{}}
                for key in (1, 2, 3):
                    try:
                        book = as_of(Book(pk=key), datetime.datetime.fromisoformat(moment))
                    except (Book.DoesNotExist, NotRecorded):
                        continue
                    names = [field.attname for field in Book._meta.concrete_fields if field.name != "secret"]
                    rows[key] = {{name: str(getattr(book, name)) for name in names}}
                found.append((moment, rows))
            print(json.dumps(found))
            """
        )
    )


def test_what_it_recorded_becomes_events_with_time_and_user(project, package):
    assert "shop.Book: 6 events imported (" in project.run("events", "import", "--from", package)
    found = events(project)
    assert [name for name, *_ in found] == ["Created", "Created", "Changed", "Changed", "Deleted", "Created"]
    ann = {"user": "ann"}
    assert [metadata for _, _, metadata, _ in found] == [ann, None, ann, None, ann, None]
    times = [occurred_at for *_, occurred_at in found]
    assert times == sorted(times)
    created = found[0][1]
    assert created["key"] == created["new_id"] == 1
    assert (created["new_title"], created["new_price"], created["new_rating"]) == ('Zoë "x"', "12.50", 0.1)
    assert created["new_secret"] == "********"
    changed = found[2][1]
    assert changed == {
        "key": 1,
        **{"old_title": 'Zoë "x"', "new_title": "Persuasion", "old_pages": 3, "new_pages": None},
        **{"old_available": True, "new_available": False, "old_tags": {"a": [1, None]}, "new_tags": None},
    }
    assert found[4][1]["old_title"] == "Emma"


def test_as_of_is_what_was_there(project, package):
    project.run("events", "import", "--from", package, "shop.Book")
    assert past(project) == project.moments
    # what is there now is said by the table itself
    assert [(name, data["key"]) for name, data, *_ in events(project, "e.occurred_at IS NULL")] == [
        ("Existed", 1),
        ("Existed", 3),
    ]
    assert "0 rows have their first event now" in project.run("events", "bootstrap")
    assert past(project) == project.moments


def test_as_of_is_right_too_where_the_app_wrote_before_the_import(project, package):
    shown = project.python(
        f"""
        from django.core.management import call_command
        from eventfold.django import as_of, history
        from shop.models import Book
        Book.objects.filter(pk=1).update(title="after", pages=7)
        call_command("events", "import", "--from", {package!r})
        changes = list(history(Book(pk=1)))
        print([change.action for change in changes])
        print([as_of(Book(pk=1), change.position).title for change in changes])
        print(as_of(Book(pk=1), changes[0].position).pages, as_of(Book(pk=1), changes[1].position).pages)
        """
    )
    assert "6 events imported" in shown
    # the package went on with what is announced to it, and update() is not
    assert shown.splitlines()[1:] == [
        "['existed', 'changed', 'created', 'changed']",
        "['after', 'Persuasion', 'Zoë \"x\"', 'after']",
        "7 None",
    ]
    assert past(project) == project.moments


def test_what_it_records_after_tracking_began_is_no_event_twice(project, package):
    project.python("from shop.models import Book\nbook = Book.objects.get(pk=3)\nbook.pages = 9\nbook.save()")
    shown = project.run("events", "import", "--from", package)
    assert "6 events imported; 1 records are from after tracking began, and left out" in shown
    assert [name for name, *_ in events(project, "1")].count("Changed") == 3


def test_what_json_cannot_say_is_left_out_and_counted(tmp_path):
    project = project_with(tmp_path, "simple_history")
    project.models(MODELS["simple_history"])
    project.update()
    project.python("from shop.models import *\nBook.objects.create(title='x', rating=float('inf'))")
    project.models(MODELS["simple_history"] + "from eventfold.django import track\ntrack(Book)\n")
    project.migrate()
    assert "1 events imported; 1 values could not be read back" in project.run(
        "events", "import", "--from", "simple_history"
    )
    ((_, data, *_),) = events(project)
    assert data["new_title"] == "x"
    assert "new_rating" not in data


def test_past_of_the_whole_table_begins_with_the_import(project, package):
    project.run("events", "import", "--from", package)
    shown = project.python(
        """
        from eventfold.django import history, past
        from eventfold.django.tracking.moments import NotRecorded
        from shop.models import Book
        last = history(Book).first().position
        with past(last):
            print(sorted(Book.objects.values_list("pk", "title")))
        try:
            with past(history(Book).last().created):
                print(list(Book.objects.all()))
        except NotRecorded as error:
            print(error)
        """
    )
    assert shown.splitlines()[0] == "[(1, 'Persuasion'), (3, 'None')]"
    assert "shop.Book: events of it were imported at position " in shown.splitlines()[1]


def test_nothing_is_imported_twice(project, package):
    project.run("events", "import", "--from", package)
    with pytest.raises(Failed, match=r"shop\.Book has imported events already"):
        project.run("events", "import", "--from", package)
    assert len(events(project)) == 6


def test_both_go_on_beside_tracking_on_the_same_model(tmp_path):
    project = project_with(tmp_path, "simple_history", "auditlog")
    project.models(
        MODELS["simple_history"]
        + "from auditlog.registry import auditlog\nauditlog.register(Book)\n"
        + "from eventfold.django import track\ntrack(Book)\n"
    )
    project.update()
    shown = project.python(
        """
        from auditlog.models import LogEntry
        from eventfold.django import history
        from shop.models import Book
        book = Book.objects.create(title="Emma")
        book.title = "Persuasion"
        book.save()
        key = book.pk
        book.delete()
        print([change.action for change in history(Book(pk=key))][::-1])
        print([record.history_type for record in Book.history.order_by("history_id")])
        print(list(LogEntry.objects.order_by("pk").values_list("action", flat=True)))
        """
    )
    assert shown.splitlines() == ["['created', 'changed', 'deleted']", "['+', '~', '-']", "[0, 1, 2]"]


def test_what_cannot_be_imported_is_refused(tmp_path):
    project = project_with(tmp_path, "auditlog")
    project.models(
        """
        from auditlog.registry import auditlog
        from eventfold.django import track
        class Place(models.Model):
            name = models.CharField(max_length=10)
        class Shop(Place):
            seats = models.IntegerField(default=0)
        class Other(models.Model):
            pass
        class Untold(models.Model):
            pass
        for model in (Place, Shop):
            auditlog.register(model)
        for model in (Place, Shop, Other):
            track(model)
        """
    )
    project.update()
    project.python("from shop.models import *\nShop.objects.create(name='x')\nPlace.objects.create(name='y')")
    for args, message in [
        (["simple_history"], r"django-simple-history is not in INSTALLED_APPS \('simple_history'\)"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["auditlog", "--source", "nowhere"], "no database 'nowhere'; there are default"),
        (["auditlog", "shop.Other"], "django-auditlog has no records of shop.Other in the database 'default'"),
        (["auditlog", "shop.Untold"], "shop.Untold is no model that is tracked"),
        (["auditlog", "shop.Shop"], "shop.Shop shares its rows with a model that it derives from"),
        (["auditlog", "shop.Place"], "shop.Place shares its rows"),
    ]:
        with pytest.raises(Failed, match=message):
            project.run("events", "import", "--from", *args)
    project.run("events", "import", "--from", "auditlog", "--help")


def test_a_read_model_is_not_turned_back(tmp_path):
    project = project_with(tmp_path, "simple_history")
    project.models(MODELS["simple_history"])
    project.update()
    project.python("from shop.models import *\nBook.objects.create(title='Emma')\n")
    project.models(MODELS["simple_history"] + "from eventfold.django import track\ntrack(Book)\n")
    project.write(
        "shop/read_models.py",
        """
        from django.db import models
        from eventfold.django import Latest, ReadModel
        class BookList(ReadModel):
            key = models.BigIntegerField(primary_key=True)
            title = models.CharField(max_length=50, null=True)
            class Projection:
                key = "key"
                title = Latest(("shop.BookCreated", "new_title"), ("shop.BookChanged", "new_title"))
                delete_on = "shop.BookDeleted"
        """,
    )
    project.update()
    copied = project.copy(tmp_path / "written")
    project.run("events", "import", "--from", "simple_history")
    assert project.rows("SELECT key, title FROM shop_booklist") == [(1, "Emma")]
    copied.python("from shop.models import *\nBook.objects.update(title='after')\n")
    with pytest.raises(Failed, match=r"the read model shop\.BookList folds them in the order .* Import before the app"):
        copied.run("events", "import", "--from", "simple_history")
    assert copied.rows("SELECT key, title FROM shop_booklist") == [(1, "after")]
