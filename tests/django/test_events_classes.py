"""What a class that derives from Event is, and which classes the system checks refuse."""

import subprocess
import sys
from textwrap import dedent

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.checks import run_checks
from django.db import connection, models
from django.db.migrations.state import ModelState
from django.db.models.functions import Now
from django.test.utils import isolate_apps, override_settings

from eventfold.django import Event, EventManager, EventQuerySet, checks
from eventfold.django.plan import plan_of
from eventfold.errors import InvalidEvent
from tests.django.books.events import BookBorrowed
from tests.django.shelves.events import Taken
from tests.django.shelves.read_models import Diary, Place


def declare(**attributes):
    """An event class of the app books, with these attributes in its body."""
    meta = {"app_label": "books", **vars(attributes.pop("Meta", type("Meta", (), {})))}
    meta = {name: value for name, value in meta.items() if not name.startswith("__")}
    body = {"__module__": __name__, "Meta": type("Meta", (), meta), **attributes}
    return type(Event)("Declared", (Event,), body)


def ids(cls):
    return [message.id for message in cls.check() if message.id.startswith("eventfold")]


@pytest.fixture
def isolated():
    with isolate_apps("tests.django.books"):
        yield


@pytest.mark.usefixtures("isolated")
class TestMeta:
    def test_whatever_meta_says_django_leaves_the_table_alone(self):
        class Meta:
            managed = False
            required_db_vendor = "sqlite"
            required_db_features = ["supports_json_field"]
            default_permissions = ("add", "delete")
            base_manager_name = "other"
            db_table = "borrowed"
            ordering = ["-position"]
            verbose_name = "loan"

        cls = declare(Meta=Meta, other=models.Manager())
        meta = cls._meta
        assert meta.managed
        assert not meta.can_migrate(connection)
        assert meta.default_permissions == ("view",)
        assert (meta.db_table, meta.ordering, meta.verbose_name) == ("borrowed", ["-position"], "loan")
        assert isinstance(cls._base_manager, EventManager)

    def test_a_mistake_in_meta_is_reported(self):
        class Meta:
            orderin = ["position"]

        with pytest.raises(TypeError, match="orderin"):
            declare(Meta=Meta)

    def test_abstract_classes_share_fields_meta_and_stream(self):
        class OfABook(Event):
            book = models.BigIntegerField()

            class Meta:
                abstract = True
                app_label = "books"
                ordering = ["position"]

            class Stream:
                name = "book-{book}"

        class Torn(OfABook):
            page = models.IntegerField()

        class Burnt(OfABook):
            class Meta(OfABook.Meta):
                verbose_name = "burnt"

        for cls in (Torn, Burnt):
            assert not cls._meta.abstract
            assert not cls._meta.can_migrate(connection)
            assert cls._meta.ordering == ["position"]
            assert ids(cls) == []
            assert cls.Stream.name == "book-{book}"
        assert [field.name for field in Torn._meta.fields] == ["position", "created", "book", "page"]

    def test_a_mixin_that_comes_first_changes_nothing(self):
        class Noted(models.Model):
            note = models.TextField(blank=True)

            class Meta:
                abstract = True
                managed = False

        class Torn(Noted, Event):
            class Meta(Noted.Meta):
                app_label = "books"

        assert Torn._meta.managed
        assert not Torn._meta.can_migrate(connection)
        assert Torn._meta.pk.name == "position"

    def test_migrations_see_fields_and_what_bars_ddl(self):
        state = ModelState.from_model(declare(book=models.BigIntegerField()))
        assert list(state.fields) == ["position", "created", "book"]
        assert state.options["required_db_features"] == ["eventfold_view"]
        assert state.bases == (models.Model,)
        assert state.managers == []
        assert "managed" not in state.options

    def test_the_manager_is_an_event_manager(self):
        cls = declare()
        assert isinstance(cls.objects, EventManager)
        assert isinstance(cls.objects.all(), EventQuerySet)
        assert isinstance(cls._base_manager.all(), EventQuerySet)


def test_an_abstract_event_cannot_be_made():
    with pytest.raises(TypeError, match="Abstract"):
        Event()


@isolate_apps("tests.django.books", "django.contrib.contenttypes")
@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"shelf": lambda: models.ForeignKey("books.Shelf", models.CASCADE)}, ["eventfold.E001"]),
        ({"shelf": lambda: models.OneToOneField("books.Shelf", models.CASCADE)}, ["eventfold.E001"]),
        ({"shelves": lambda: models.ManyToManyField("books.Shelf")}, ["eventfold.E001"]),
        (
            {
                "kind": lambda: models.ForeignKey(ContentType, models.CASCADE),
                "key": models.IntegerField,
                "what": lambda: GenericForeignKey("kind", "key"),
            },
            ["eventfold.E001", "eventfold.E001"],
        ),
        ({"code": lambda: models.IntegerField(unique=True)}, ["eventfold.E002"]),
        ({"code": lambda: models.IntegerField(unique_for_date="day"), "day": models.DateField}, ["eventfold.E002"]),
        (
            {"Meta": lambda: type("Meta", (), {"unique_together": [("a",)]}), "a": models.IntegerField},
            ["eventfold.E002"],
        ),
        (
            {
                "Meta": lambda: type(
                    "Meta", (), {"constraints": [models.UniqueConstraint(models.F("a"), name="books_a")]}
                ),
                "a": models.IntegerField,
            },
            ["eventfold.E002"],
        ),
        (
            {
                "Meta": lambda: type(
                    "Meta", (), {"constraints": [models.CheckConstraint(condition=models.Q(a=1), name="books_a")]}
                ),
                "a": models.IntegerField,
            },
            ["eventfold.E002"],
        ),
        ({"created": models.DateTimeField}, ["eventfold.E004"]),
        ({"position": lambda: models.BigAutoField(primary_key=True)}, ["eventfold.E004"]),
        ({"recorded": models.BooleanField}, ["eventfold.E004"]),
        ({"file": models.FileField}, ["eventfold.E005"]),
        ({"at": lambda: models.DateTimeField(db_default=Now())}, ["eventfold.E005"]),
        (
            {
                "twice": lambda: models.GeneratedField(
                    expression=models.F("a") * 2, output_field=models.IntegerField(), db_persist=False
                ),
                "a": models.IntegerField,
            },
            ["eventfold.E005"],
        ),
        (
            {
                "Meta": lambda: type("Meta", (), {"indexes": [models.Index("a", name="books_a")]}),
                "a": models.IntegerField,
            },
            ["eventfold.E006"],
        ),
        ({"Stream": lambda: type("Stream", (), {"name": "book-{bok}"})}, ["eventfold.E007"]),
        ({"Stream": lambda: type("Stream", (), {"name": "book-{"})}, ["eventfold.E007"]),
        ({"Stream": lambda: type("Stream", (), {"name": "book-{a!r}"}), "a": models.IntegerField}, ["eventfold.E007"]),
        ({"Stream": lambda: type("Stream", (), {"name": ""})}, ["eventfold.E007"]),
        ({"Stream": lambda: type("Stream", (), {})}, ["eventfold.E007"]),
        ({"Stream": lambda: type("Stream", (), {"name": "{{a}}-{a}"}), "a": models.IntegerField}, []),
    ],
)
def test_checks_refuse_what_an_event_cannot_be_and_say_what_to_do(attributes, expected):
    cls = declare(**{name: make() for name, make in attributes.items()})
    found = [message for message in cls.check() if message.id.startswith("eventfold")]
    assert [message.id for message in found] == expected
    assert all(message.hint or message.id in ("eventfold.E005", "eventfold.E007") for message in found)


@isolate_apps("tests.django.books")
def test_an_event_class_has_no_subclasses_with_tables_of_their_own():
    class Borrowed(Event):
        class Meta:
            app_label = "books"

    class BorrowedLate(Borrowed):
        class Meta:
            app_label = "books"

    assert ids(BorrowedLate) == ["eventfold.E003"]


@isolate_apps("tests.django.books")
@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("shelf", lambda: models.ForeignKey("books.Shelf", models.CASCADE), "keep its key"),
        ("Stream", lambda: type("Stream", (), {"name": "book-{bok}"}), r"Stream\.name"),
    ],
)
def test_a_class_that_checks_refuse_says_why_when_it_is_used_all_the_same(name, make, message):
    with pytest.raises(InvalidEvent, match=message):
        declare(**{name: make()})()


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
class TestChecksOfDatabases:
    def messages(self, **databases):
        from django.conf import settings

        changed = {alias: {**settings.DATABASES[alias], **options} for alias, options in databases.items()}
        with override_settings(DATABASES={**settings.DATABASES, **changed}):
            return [message.id for message in checks.check_databases(None)]

    def test_the_recommended_settings_pass(self):
        assert self.messages() == []

    def test_deferred_transactions_are_warned_of(self):
        wal = {"init_command": "pragma Journal_Mode = wal"}
        assert self.messages(default={"OPTIONS": wal}) == ["eventfold.W001"]
        assert self.messages(default={"OPTIONS": {**wal, "transaction_mode": "DEFERRED"}}) == ["eventfold.W001"]
        assert self.messages(default={"OPTIONS": {**wal, "transaction_mode": "exclusive"}}) == []

    def test_a_missing_write_ahead_log_is_warned_of(self):
        assert self.messages(default={"OPTIONS": {"transaction_mode": "IMMEDIATE"}}) == ["eventfold.W002"]

    def test_a_database_in_memory_needs_neither(self):
        assert self.messages(default={"OPTIONS": {}, "NAME": ":memory:"}) == []

    def test_a_database_without_events_needs_neither(self):
        assert self.messages(memory={"OPTIONS": {}, "NAME": "file.sqlite3"}) == []

    def test_they_open_no_connection(self):
        assert self.messages(default={"OPTIONS": {}, "NAME": "/nowhere/at/all.sqlite3"}) == [
            "eventfold.W001",
            "eventfold.W002",
        ]


class NoLogHere:
    def allow_migrate(self, db, app_label, **hints):
        return app_label != "eventfold"


class EventsElsewhere:
    def db_for_write(self, model, **hints):
        return "memory" if model is Taken else None


@pytest.mark.parametrize(("router", "expected"), [(NoLogHere, "eventfold.E008"), (None, None)])
def test_routers_that_keep_events_from_their_log_are_refused(router, expected):
    with override_settings(DATABASE_ROUTERS=[router()] if router else []):
        found = {message.id for message in checks.check_routers(None)}
    assert found == ({expected} if expected else set())


def test_routers_that_part_a_read_model_from_its_events_are_refused():
    with override_settings(DATABASE_ROUTERS=[EventsElsewhere()]):
        messages = checks.check_routers(None)
    assert {message.id for message in messages} == {"eventfold.E009"}
    assert {message.obj for message in messages} == {Place, Diary}


def test_the_test_project_itself_passes_all_checks():
    assert [message for message in run_checks() if message.id.startswith("eventfold")] == []


def test_a_plan_is_made_anew_when_a_setting_changes(settings):
    before = plan_of(BookBorrowed)
    assert plan_of(BookBorrowed) is before
    settings.USE_TZ = False
    assert plan_of(BookBorrowed) is not before


@pytest.mark.parametrize("module", ["events", "models"])
def test_a_new_project_needs_nothing_but_the_app_in_its_settings(tmp_path, module):
    """In events.py or models.py of an app; importing the package needs no settings."""
    app = tmp_path / "shop"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (app / f"{module}.py").write_text(
        dedent(
            """
            from django.db import models
            from eventfold.django import Event

            class Sold(Event):
                item = models.CharField()  # not a ref
            """
        )
    )
    code = """
        import eventfold.django
        import django
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS=["django.contrib.contenttypes", "eventfold.django", "shop"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        )
        django.setup()
        from django.core.management import call_command
        call_command("migrate", verbosity=0, run_syncdb=True)
        from django.apps import apps
        Sold = apps.get_model("shop.Sold")
        print(Sold.objects.create(item="book").position, Sold.objects.get().item)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "1 book\n", done.stderr
