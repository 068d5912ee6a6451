"""Event classes change as models do: makemigrations sees it, migrate brings the view along, old events are readable."""

import pytest

from tests.django.project import Failed, Project

pytestmark = pytest.mark.any_way

SOLD = """
    class Sold(Event):
        item = models.BigIntegerField()
        title = models.CharField(max_length=50)
"""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(scope="module")
def sold_once(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("sold"))
    project.models(SOLD)
    project.update()
    project.append("shop.Sold", {"item": 1, "title": "one"}, {"item": 2, "title": "two"})
    return project


@pytest.fixture
def sold(sold_once, tmp_path):
    """A project that has migrated the class Sold and recorded two events of it."""
    return sold_once.copy(tmp_path)


def test_makemigrations_sees_an_event_class_and_then_has_nothing_to_do(project):
    project.models(SOLD)
    assert "+ Create model Sold" in project.makemigrations()
    assert "No changes detected" in project.makemigrations("--check")
    project.migrate()
    assert project.views() == ["shop_sold"]
    assert "No changes detected" in project.run("makemigrations", "--check")


def test_the_view_shows_events_by_declared_columns(sold):
    assert sold.view("shop_sold") == [
        {"position": 1, "item": 1, "title": "one"},
        {"position": 2, "item": 2, "title": "two"},
    ]


def test_an_added_field_shows_its_default_on_old_events(sold):
    sold.models(SOLD + "        branch = models.CharField(max_length=20, default='main')\n")
    assert "+ Add field branch to sold" in sold.makemigrations()
    sold.migrate()
    sold.append("shop.Sold", {"item": 3, "title": "three", "branch": "east"})
    assert [row["branch"] for row in sold.view("shop_sold")] == ["main", "main", "east"]


def test_a_changed_default_is_for_new_events_only(sold):
    sold.models(SOLD + "        branch = models.CharField(max_length=20, default='main')\n")
    sold.update()
    sold.models(SOLD + "        branch = models.CharField(max_length=20, default='other')\n")
    assert "Alter field branch on sold" in sold.makemigrations()
    sold.migrate()
    assert [row["branch"] for row in sold.view("shop_sold")] == ["main", "main"]


def test_an_added_field_shows_the_default_that_makemigrations_asked_for(sold):
    sold.models(SOLD + "        count = models.IntegerField()\n")
    assert "Add field count to sold" in sold.makemigrations(answers="1\n41 + 1\n")
    sold.migrate()
    assert [row["count"] for row in sold.view("shop_sold")] == [42, 42]
    sold.migrate()
    assert [row["count"] for row in sold.view("shop_sold")] == [42, 42]


ADDED = [
    ("models.TextField(null=True)", None),
    ("models.TextField(blank=True)", ""),
    ("models.BooleanField(default=True)", 1),
    ("models.FloatField(default=0.1)", 0.1),
    ("models.DecimalField(max_digits=6, decimal_places=2, default='1.50')", 1.5),
    ("models.DecimalField(max_digits=6, decimal_places=2, default=3)", 3),
    ("models.DateField(default='2020-02-29')", "2020-02-29"),
    ("models.TimeField(default='12:30')", "12:30:00"),
    ("models.DateTimeField(default='2020-02-29T12:00:00.5Z')", "2020-02-29 12:00:00.500000"),
    ("models.DurationField(default='00:00:01')", 1_000_000),
    ("models.UUIDField(default='12345678-1234-5678-1234-567812345678')", "12345678123456781234567812345678"),
    ("models.JSONField(default=dict)", "{}"),
    ("models.BinaryField(default=b'\\x00\\xff')", b"\x00\xff"),
    ("models.GenericIPAddressField(default='::1')", "::1"),
]


def test_a_default_of_each_type_is_stored_as_django_stores_it(sold):
    sold.models(SOLD + "".join(f"        added{n} = {field}\n" for n, (field, _) in enumerate(ADDED)))
    sold.update()
    for row in sold.view("shop_sold"):
        assert [row[f"added{n}"] for n in range(len(ADDED))] == [shown for _, shown in ADDED]


def test_a_default_that_is_computed_is_computed_once(sold):
    sold.models("import uuid\n" + SOLD.replace("\n    ", "\n") + "    key = models.UUIDField(default=uuid.uuid4)\n")
    sold.update()
    keys = {row["key"] for row in sold.view("shop_sold")}
    sold.migrate()
    assert len(keys) == 1
    assert {row["key"] for row in sold.view("shop_sold")} == keys


def test_a_field_is_added_forward_and_backward(sold):
    sold.models(SOLD + "        branch = models.CharField(max_length=20, default='main')\n")
    sold.update()
    sold.append("shop.Sold", {"item": 3, "title": "three", "branch": "east"})
    sold.migrate("shop", "0001")
    assert [*sold.view("shop_sold")[0]] == ["position", "item", "title"]
    sold.append("shop.Sold", {"item": 4, "title": "four"})
    sold.migrate("shop")
    assert [row["branch"] for row in sold.view("shop_sold")] == ["main", "main", "east", "main"]


def test_a_renamed_field_shows_the_values_of_its_old_name(sold):
    sold.models(SOLD.replace("title", "name"))
    assert "Rename field title on sold to name" in sold.makemigrations(answers="y\n")
    sold.migrate()
    sold.append("shop.Sold", {"item": 3, "name": "three"})
    assert [row["name"] for row in sold.view("shop_sold")] == ["one", "two", "three"]
    assert sold.type_fields("shop.Sold")["name"] == ["title"]


def test_a_field_is_renamed_twice_and_back(sold):
    sold.migration(2, "rename", "migrations.RenameField('Sold', 'title', 'name')")
    sold.migrate("shop")
    sold.append("shop.Sold", {"item": 3, "name": "three"})
    sold.migration(3, "again", "migrations.RenameField('sold', 'name', 'label')")
    sold.migrate("shop")
    sold.append("shop.Sold", {"item": 4, "label": "four"})
    assert [row["label"] for row in sold.view("shop_sold")] == ["one", "two", "three", "four"]
    sold.migrate("shop", "0002")
    sold.append("shop.Sold", {"item": 5, "name": "five"})
    assert [row["name"] for row in sold.view("shop_sold")] == ["one", "two", "three", "four", "five"]
    sold.migrate("shop", "0001")
    assert [row["title"] for row in sold.view("shop_sold")] == ["one", "two", "three", "four", "five"]
    sold.migrate("shop", "0003")
    assert [row["label"] for row in sold.view("shop_sold")] == ["one", "two", "three", "four", "five"]


def test_a_null_under_the_new_name_is_not_replaced_by_the_old_value(sold):
    sold.migration(2, "rename", "migrations.RenameField('Sold', 'title', 'name')")
    sold.migrate("shop")
    sold.append("shop.Sold", {"item": 3, "name": None})
    assert [row["name"] for row in sold.view("shop_sold")] == ["one", "two", None]


def test_renames_on_an_empty_log_leave_no_trace(project):
    project.models(SOLD)
    project.makemigrations()
    project.migration(2, "rename", "migrations.RenameField('Sold', 'title', 'name')")
    project.migration(3, "swap", "migrations.AddField('Sold', 'title', models.TextField(default='x'))")
    project.migrate("shop")
    assert project.type_fields("shop.Sold")["name"] == []
    project.append("shop.Sold", {"item": 1, "name": "n", "title": "t"})
    assert project.view("shop_sold") == [{"position": 1, "item": 1, "name": "n", "title": "t"}]


def test_a_name_that_old_events_use_for_another_field_is_refused(sold):
    sold.migration(2, "rename", "migrations.RenameField('Sold', 'title', 'name')")
    sold.migrate("shop")
    sold.migration(3, "add", "migrations.AddField('Sold', 'title', models.TextField(default='x'))")
    with pytest.raises(
        Failed, match=r"No field of shop.Sold can be named title now: recorded events have the value of name under it"
    ):
        sold.migrate("shop")
    assert [row["name"] for row in sold.view("shop_sold")] == ["one", "two"]


def test_a_rename_to_the_name_of_a_removed_field_is_refused(sold):
    sold.migration(
        2, "swap", "migrations.RemoveField('Sold', 'title'), migrations.RenameField('Sold', 'item', 'title')"
    )
    with pytest.raises(Failed, match=r"the event at position 1 has another value under it. Choose another name"):
        sold.migrate("shop")
    assert sold.view("shop_sold")[0] == {"position": 1, "item": 1, "title": "one"}


def test_a_removed_field_comes_back_with_its_values(sold):
    sold.models(
        SOLD.replace("title", "item2").replace("models.CharField(max_length=50)", "models.IntegerField(default=0)")
    )
    sold.migration(2, "remove", "migrations.RemoveField('Sold', 'title')")
    sold.migrate("shop")
    assert [*sold.view("shop_sold")[0]] == ["position", "item"]
    sold.append("shop.Sold", {"item": 3})
    sold.migrate("shop", "0001")
    assert [row["title"] for row in sold.view("shop_sold")] == ["one", "two", None]


def test_a_removed_field_that_was_renamed_comes_back_with_its_values(sold):
    sold.migration(2, "rename", "migrations.RenameField('Sold', 'title', 'name')")
    sold.migration(3, "remove", "migrations.RemoveField('Sold', 'name')")
    sold.migrate("shop")
    sold.migrate("shop", "0002")
    assert [row["name"] for row in sold.view("shop_sold")] == ["one", "two"]


def test_a_renamed_class_keeps_its_events(sold):
    (before,) = sold.rows("SELECT id FROM eventfold_type WHERE name = 'shop.Sold'")
    sold.models(SOLD.replace("Sold", "Bought"))
    assert "Rename model Sold to Bought" in sold.makemigrations(answers="y\n")
    sold.migrate()
    assert sold.views() == ["shop_bought"]
    assert [row["title"] for row in sold.view("shop_bought")] == ["one", "two"]
    assert sold.rows("SELECT id, name, view FROM eventfold_type") == [(*before, "shop.Bought", "shop_bought")]
    sold.append("shop.Bought", {"item": 3, "title": "three"})
    sold.migrate("shop", "0001")
    assert sold.views() == ["shop_sold"]
    assert [row["title"] for row in sold.view("shop_sold")] == ["one", "two", "three"]


def test_a_class_cannot_take_the_name_of_an_earlier_one_that_has_events(sold):
    sold.append("shop.Bought", {"item": 9})
    sold.migration(2, "rename", "migrations.RenameModel('Sold', 'Bought')")
    with pytest.raises(
        Failed, match=r"shop.Sold cannot be renamed to shop.Bought: the log holds events of an earlier shop.Bought"
    ):
        sold.migrate("shop")
    assert sold.views() == ["shop_sold"]


def test_a_deleted_class_leaves_its_events_in_the_log(sold):
    sold.models("")
    assert "Delete model Sold" in sold.makemigrations()
    sold.migrate()
    assert sold.views() == []
    assert sold.rows("SELECT count(*) FROM eventfold_event") == [(2,)]
    sold.migrate("shop", "0001")
    assert [row["title"] for row in sold.view("shop_sold")] == ["one", "two"]
    sold.migrate("shop", "zero")
    assert sold.views() == []
    sold.migrate("shop", "0001")
    assert [row["title"] for row in sold.view("shop_sold")] == ["one", "two"]


def test_another_table_name_moves_the_view(sold):
    sold.models(SOLD + "        class Meta:\n            db_table = 'sales'\n")
    assert "Rename table for sold to sales" in sold.makemigrations()
    sold.migrate()
    assert sold.views() == ["sales"]
    sold.migrate("shop", "0001")
    assert sold.views() == ["shop_sold"]


def test_options_and_lengths_change_no_view(sold):
    before = sold.rows("SELECT sql FROM sqlite_master WHERE name = 'shop_sold'")
    sold.models(
        SOLD.replace("50", "60")
        + "        class Meta:\n            verbose_name = 'sale'\n            ordering = ['-position']\n"
    )
    sold.update()
    assert sold.rows("SELECT sql FROM sqlite_master WHERE name = 'shop_sold'") == before


ALTERED = [
    ("IntegerField()", [1, -2], "CharField(max_length=20)", ["1", "-2"]),
    ("CharField(max_length=20)", ["1", "-2"], "IntegerField()", [1, -2]),
    ("IntegerField()", [1, 2], "FloatField()", [1.0, 2.0]),
    ("FloatField()", [1.0, 2.0], "IntegerField()", [1, 2]),
    ("FloatField()", [1.5, 2.0], "DecimalField(max_digits=9, decimal_places=2)", [1.5, 2]),
    ("DecimalField(max_digits=9, decimal_places=2)", ["1.50", "2.00"], "FloatField()", [1.5, 2.0]),
    ("IntegerField()", [0, 1], "BooleanField()", [0, 1]),
    ("BooleanField()", [True, False], "IntegerField()", [1, 0]),
    (
        "DateTimeField()",
        ["2020-01-02T03:04:05.5Z", "2020-01-02T00:00:00Z"],
        "DateField()",
        ["2020-01-02", "2020-01-02"],
    ),
    (
        "DateField()",
        ["2020-01-02", "1999-12-31"],
        "DateTimeField()",
        ["2020-01-02 00:00:00", "1999-12-31 00:00:00"],
    ),
    (
        "DateTimeField()",
        ["2020-01-02T03:04:05.5Z", "2020-01-02T00:00:00Z"],
        "TimeField()",
        ["03:04:05.5", "00:00:00"],
    ),
    (
        "CharField(max_length=50)",
        ["12345678-1234-5678-1234-567812345678", "0" * 32],
        "UUIDField()",
        ["12345678123456781234567812345678", "0" * 32],
    ),
    ("CharField(max_length=50)", ["a", "1"], "JSONField()", ['"a"', '"1"']),
    ("JSONField()", [[1, {"a": 2}], "x"], "TextField()", ['[1,{"a":2}]', "x"]),
    ("IntegerField()", [1, 2], "DurationField()", [1, 2]),
    ("IntegerField(null=True)", [1, None], "CharField(max_length=20, null=True)", ["1", None]),
]


def test_values_of_an_altered_field_are_read_as_its_new_type(project):
    def declare(index):
        fields = (f"    value{n} = models.{case[index]}\n" for n, case in enumerate(ALTERED))
        project.models("class Sold(Event):\n" + "".join(fields))
        project.update()

    def values():
        rows = project.view("shop_sold")
        return [[row[f"value{n}"] for row in rows] for n in range(len(ALTERED))]

    declare(0)
    project.append(
        "shop.Sold", *({f"value{n}": case[1][event] for n, case in enumerate(ALTERED)} for event in range(2))
    )
    before = values()
    declare(2)
    shown = [case[3] for case in ALTERED]
    assert values() == shown
    project.migrate("shop", "0001")
    assert values() == before
    project.migrate("shop")
    assert values() == shown


@pytest.mark.parametrize(
    ("old", "recorded", "new"),
    [
        ("CharField(max_length=20)", ["5", "five"], "IntegerField()"),
        ("FloatField()", [1.0, 1.5], "IntegerField()"),
        ("IntegerField()", [1, 2], "BooleanField()"),
        ("CharField(max_length=20)", ["2020-01-02", "2020-02-30"], "DateField()"),
        ("CharField(max_length=20)", ["cafe", "cafe"], "BinaryField()"),
        ("CharField(max_length=40)", ["0" * 32, "g" * 32], "UUIDField()"),
    ],
)
def test_a_type_that_old_values_cannot_be_read_as_is_refused(project, old, recorded, new):
    project.models(f"class Sold(Event):\n    value = models.{old}\n")
    project.update()
    project.append("shop.Sold", *({"value": value} for value in recorded))
    before = project.view("shop_sold")
    project.models(f"class Sold(Event):\n    value = models.{new}\n")
    project.makemigrations()
    with pytest.raises(
        Failed,
        match=r"Sold.value cannot become \w+: [12] recorded events hold something else, the first at position [12]",
    ):
        project.migrate()
    assert project.view("shop_sold") == before


INDEXED = SOLD.replace("BigIntegerField()", "BigIntegerField(db_index=True)")


def test_an_index_that_is_added_later_finds_old_events(sold):
    sold.models(INDEXED)
    sold.update()
    assert sold.rows("SELECT slot1, slot2, slot3, slot4 FROM eventfold_event") == [
        (1, None, None, None),
        (2, None, None, None),
    ]
    (plan,) = sold.rows("EXPLAIN QUERY PLAN SELECT * FROM shop_sold WHERE item = 2")
    assert "eventfold_event_slot1 (type_id=? AND slot1=?)" in plan[3]
    assert [row["item"] for row in sold.view("shop_sold")] == [1, 2]
    sold.migrate("shop", "0001")
    assert sold.rows("SELECT DISTINCT slot1 FROM eventfold_event") == [(None,)]
    assert [row["item"] for row in sold.view("shop_sold")] == [1, 2]


def test_a_further_index_moves_slots_and_values_with_it(sold):
    sold.models(INDEXED)
    sold.update()
    sold.models(
        INDEXED.replace("max_length=50", "max_length=50, db_index=True")
        + "        amount = models.IntegerField(default=5, db_index=True)\n"
    )
    sold.update()
    assert sold.rows("SELECT slot1, slot2, slot3, slot4 FROM eventfold_event") == [
        (5, 1, "one", None),
        (5, 2, "two", None),
    ]
    assert sold.view("shop_sold")[0] == {"position": 1, "item": 1, "title": "one", "amount": 5}
    sold.migrate("shop", "0001")
    assert sold.rows("SELECT slot1, slot2, slot3, slot4 FROM eventfold_event WHERE position = 1") == [(None,) * 4]


def test_slots_of_events_that_eventlog_records_are_filled_at_once(project):
    project.models(INDEXED)
    project.update()
    project.append("shop.Sold", {"item": 1, "title": "one"})
    project.append("shop.Other", {"item": 5})
    assert project.rows("SELECT slot1, slot3 FROM eventfold_event") == [(1, None), (None, None)]
    assert [row["item"] for row in project.view("shop_sold")] == [1]
    project.migration(
        2,
        "data",
        "migrations.RunPython(append)",
        before="""
            def append(apps, schema_editor):
                from eventfold import EventLog
                from eventfold.django.connection import database_of

                EventLog.on(database_of(schema_editor.connection)).append("shop.Sold", {"item": 2, "title": "two"})
        """,
    )
    project.migrate()
    assert [row["item"] for row in project.view("shop_sold")] == [1, 2]


def test_a_process_that_runs_an_older_class_fills_the_slots_as_the_migrated_log_has_them(project):
    project.models(INDEXED)
    project.update()
    older = project.start(
        """
        import sys
        from shop.models import Sold

        Sold.objects.create(item=1, title="one")
        print("ready", flush=True)
        sys.stdin.readline()
        Sold.objects.create(item=2, title="two")
        """
    )
    assert older.stdout.readline() == "ready\n"
    # "first" takes the slot that "item" had
    project.models(INDEXED + "        first = models.IntegerField(default=9, db_index=True)\n")
    project.update()
    older.communicate("go on\n", timeout=60)
    assert older.returncode == 0
    assert project.rows("SELECT slot1, slot2 FROM eventfold_event") == [(9, 1), (9, 2)]
    assert [(row["item"], row["first"]) for row in project.view("shop_sold")] == [(1, 9), (2, 9)]


def test_slots_as_the_class_fills_them_are_what_the_view_expects(project):
    project.models(
        """
        class Sold(Event):
            number = models.BigIntegerField(db_index=True)
            period = models.DurationField(db_index=True)
            key = models.UUIDField(db_index=True)
            moment = models.DateTimeField(db_index=True)
        class Noted(Event):
            flag = models.BooleanField(db_index=True)
            text = models.CharField(max_length=9, blank=True, db_index=True)
            day = models.DateField(null=True, db_index=True)
        """
    )
    project.update()
    project.python(
        """
        import datetime, uuid
        from shop.models import Noted, Sold

        utc = datetime.timezone.utc
        for at in (datetime.datetime(2020, 1, 2, 3, 4, 5, 6, utc), datetime.datetime(999, 1, 1, tzinfo=utc)):
            Sold.objects.create(number=-5, period=datetime.timedelta(microseconds=-1), key=uuid.uuid4(), moment=at)
        Noted.objects.create(flag=True, text="007", day=datetime.date(2020, 2, 29))
        Noted.objects.create(flag=False, text="", day=None)
        """
    )
    select = "SELECT position, typeof(slot1), slot1, typeof(slot2), slot2, slot3, slot4 FROM eventfold_event"
    before = project.rows(select)
    project.migrate()  # compares them with what `data` says
    assert project.rows(select) == before
    assert before[0][1:5] == ("integer", -5, "integer", -1)


def test_a_historical_model_reads_the_view_of_its_time_and_cannot_write(sold):
    sold.migration(
        2,
        "reads",
        "migrations.RunPython(read, migrations.RunPython.noop), "
        "migrations.AddField('Sold', 'branch', models.TextField(default='main')), "
        "migrations.RunPython(write, migrations.RunPython.noop)",
        before="""
            from django.db import transaction
            from django.db.utils import IntegrityError

            def read(apps, schema_editor):
                Sold = apps.get_model("shop", "Sold")
                assert [event.title for event in Sold.objects.order_by("position")] == ["one", "two"]
                assert not hasattr(Sold(), "branch")

            def write(apps, schema_editor):
                Sold = apps.get_model("shop", "Sold")
                assert Sold.objects.filter(branch="main").count() == 2
                for attempt in (
                    lambda: Sold.objects.create(item=3, title="three"),
                    lambda: Sold(item=3, title="three").save(),
                    lambda: Sold.objects.bulk_create([Sold(item=3, title="three")]),
                    lambda: Sold.objects.bulk_create([Sold(item=3, title="three")], ignore_conflicts=True),
                    lambda: Sold._base_manager.bulk_create([Sold(item=3, title="three")]),
                    lambda: Sold.objects.update(item=3),
                    lambda: Sold.objects.first().delete(),
                    lambda: Sold.objects.all().delete(),
                ):
                    try:
                        with transaction.atomic(schema_editor.connection.alias):
                            attempt()
                    except IntegrityError as error:
                        assert "eventfold: " in str(error), error
                    else:
                        raise AssertionError(attempt)
        """,
    )
    sold.migrate("shop")
    assert len(sold.view("shop_sold")) == 2


def test_a_migration_that_fails_takes_its_view_back(sold):
    sold.migration(
        2,
        "fails",
        "migrations.AddField('Sold', 'branch', models.TextField(default='main')), migrations.RunPython(fail)",
        before="def fail(apps, schema_editor):\n    raise ValueError('as planned')",
    )
    with pytest.raises(Failed, match=r"as planned"):
        sold.migrate("shop")
    assert [*sold.view("shop_sold")[0]] == ["position", "item", "title"]
    assert "branch" not in sold.type_fields("shop.Sold")


def test_changes_that_are_state_only_are_followed_too(sold):
    sold.migration(
        2,
        "state",
        "migrations.SeparateDatabaseAndState(state_operations=[migrations.RenameField('Sold', 'title', 'name'), "
        "migrations.AddField('Sold', 'n', models.IntegerField(default=7), preserve_default=False)])",
    )
    sold.migrate("shop")
    assert sold.view("shop_sold")[0] == {"position": 1, "item": 1, "name": "one", "n": 7}
    sold.migrate("shop", "0001")
    assert sold.view("shop_sold")[0] == {"position": 1, "item": 1, "title": "one"}


def test_a_migration_outside_a_transaction_changes_the_view_too(sold):
    sold.migration(
        2, "add", "migrations.AddField('Sold', 'branch', models.TextField(default='main'))", attributes="atomic = False"
    )
    sold.migrate("shop")
    assert sold.view("shop_sold")[0]["branch"] == "main"


def test_squashed_migrations_make_the_same_view(sold):
    sold.models(SOLD.replace("title", "name") + "        branch = models.TextField(default='main')\n")
    sold.migration(2, "rename", "migrations.RenameField('Sold', 'title', 'name')")
    sold.migration(3, "add", "migrations.AddField('Sold', 'branch', models.TextField(default='main'))")
    sold.run("squashmigrations", "shop", "0003", "--no-input")
    sold.migrate("shop")
    assert sold.view("shop_sold")[0] == {"position": 1, "item": 1, "name": "one", "branch": "main"}
    (sold.folder / "db.sqlite3").unlink()
    sold.migrate()
    sold.append("shop.Sold", {"item": 3, "name": "three", "branch": "east"})
    assert sold.view("shop_sold") == [{"position": 1, "item": 3, "name": "three", "branch": "east"}]


def test_an_app_may_migrate_before_the_log_does(project):
    project.models(SOLD)
    project.makemigrations()
    project.migrate("shop")
    project.append("shop.Sold", {"item": 1, "title": "one"})
    assert len(project.view("shop_sold")) == 1
    project.migrate()
    assert len(project.view("shop_sold")) == 1


def test_the_log_is_not_removed_while_it_holds_events(sold):
    with pytest.raises(Failed, match=r"holds 2 events, which would be lost for ever"):
        sold.migrate("eventfold", "zero")
    assert len(sold.view("shop_sold")) == 2


def test_an_empty_log_is_removed_with_its_views_and_comes_back(project):
    project.models(SOLD)
    project.update()
    project.migrate("eventfold", "zero")
    assert project.rows("SELECT name FROM sqlite_master WHERE name LIKE '%eventfold%' OR type = 'view'") == []
    project.migrate()
    assert project.views() == ["shop_sold"]


def test_views_do_not_hinder_migrations_of_ordinary_tables(sold):
    sold.models(
        SOLD + "    class Shelf(models.Model):\n        name = models.CharField(max_length=10)\n"
        "        old = models.IntegerField(default=1)\n"
    )
    sold.update()
    sold.migration(
        3,
        "change",
        "migrations.RemoveField('Shelf', 'old'), "
        "migrations.AlterField('Shelf', 'name', models.CharField(max_length=20, unique=True)), "
        "migrations.RenameField('Shelf', 'name', 'label'), migrations.RenameModel('Shelf', 'Rack')",
    )
    sold.migrate()
    assert sold.rows("SELECT id, label FROM shop_rack") == []
    sold.migrate("shop", "0001")
    assert len(sold.view("shop_sold")) == 2


def test_a_table_in_the_place_of_a_view_is_not_touched(project):
    project.models("class Sold(models.Model):\n    item = models.BigIntegerField()\n")
    project.update()
    project.migration(
        2,
        "other",
        "migrations.CreateModel('Other', [('position', models.BigAutoField(primary_key=True)), "
        "('created', models.DateTimeField(auto_now_add=True))], "
        "options={'required_db_features': ['eventfold_view'], 'db_table': 'shop_sold'})",
    )
    with pytest.raises(
        Failed, match=r"shop.Other needs the name shop_sold for its view, but the database has a table of that name"
    ):
        project.migrate("shop")
    assert project.rows("SELECT count(*) FROM shop_sold") == [(0,)]


def test_check_reports_a_view_that_does_not_fit_its_class(sold):
    assert "no issues" in sold.run("check", "--database", "default")
    sold.models(SOLD + "        branch = models.TextField(default='main')\n")
    with pytest.raises(Failed, match=r"eventfold.E102\) shop.Sold has a view that no longer fits the class"):
        sold.run("check", "--database", "default")
    sold.update()
    assert "no issues" in sold.run("check", "--database", "default")


def test_check_reports_a_missing_view_and_a_missing_log(project):
    project.models(SOLD)
    with pytest.raises(Failed, match=r"eventfold.E101\) The database 'default' has no event log"):
        project.run("check", "--database", "default")
    project.migrate("eventfold")
    with pytest.raises(Failed, match=r"eventfold.E102\) shop.Sold has no view in the database 'default'"):
        project.run("check", "--database", "default")


def test_check_reports_a_time_zone_that_views_cannot_convert_to(tmp_path):
    project = Project(tmp_path, "DATABASES['default']['TIME_ZONE'] = 'Europe/Berlin'")
    project.models(SOLD)
    project.makemigrations()
    with pytest.raises(Failed, match=r"eventfold.E103\).*keeps its times in UTC"):
        project.migrate()


def test_check_warns_of_an_index_that_has_no_effect(project):
    project.models(
        "class Sold(Event):\n"
        + "".join(f"    n{number} = models.IntegerField(db_index=True)\n" for number in range(3))
        + "    real = models.FloatField(db_index=True)\n"
    )
    found = project.run("check")
    assert found.count("eventfold.W101") == 2
    assert "db_index has no effect on n2 (integer)" in found
    assert "db_index has no effect on real (real)" in found


def test_a_view_that_was_dropped_by_hand_is_made_again_by_migrate(sold):
    sold.python(
        "from django.db import connection\nwith connection.cursor() as cursor: cursor.execute('DROP VIEW shop_sold')"
    )
    assert sold.views() == []
    sold.migrate()
    assert len(sold.view("shop_sold")) == 2


def test_a_faked_migration_is_repaired(sold):
    sold.models(SOLD + "        branch = models.TextField(default='main')\n")
    sold.makemigrations()
    sold.migrate("--fake")
    sold.migrate()
    assert [row["branch"] for row in sold.view("shop_sold")] == ["main", "main"]


def test_a_router_decides_which_database_has_the_log_and_the_views(tmp_path):
    project = Project(
        tmp_path,
        """
        DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "other.sqlite3"}
        DATABASE_ROUTERS = ["router.Router"]
        """,
    )
    project.write(
        "router.py",
        """
        class Router:
            def allow_migrate(self, db, app_label, **hints):
                return (db == "default") == (app_label in ("shop", "eventfold"))
        """,
    )
    project.models(SOLD)
    project.update()
    project.migrate("--database", "other")
    assert project.views() == ["shop_sold"]
    assert (
        project.python(
            "from django.db import connections\n"
            "names = connections['other'].introspection.table_names(include_views=True)\n"
            "print([name for name in names if 'eventfold' in name or 'shop' in name])"
        )
        == "[]\n"
    )


def test_two_databases_have_a_log_each(tmp_path):
    project = Project(
        tmp_path, 'DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "other.sqlite3"}'
    )
    project.models(SOLD)
    project.update()
    project.migrate("--database", "other")
    code = """
        from django.db import connections

        for alias in connections:
            with connections[alias].cursor() as cursor:
                log_id = cursor.execute("SELECT log_id FROM eventfold_header").fetchone()[0]
                print(log_id, cursor.execute("SELECT count(*) FROM shop_sold").fetchone())
    """
    first, second = project.python(code).splitlines()
    assert first.endswith("(0,)") and second.endswith("(0,)") and first != second


def test_the_plan_and_the_sql_of_a_migration_can_be_shown(sold):
    sold.models(SOLD + "        branch = models.TextField(default='main')\n")
    sold.makemigrations()
    assert "Add field branch to sold" in sold.migrate("--plan")
    assert "Add field branch to sold" in sold.run("sqlmigrate", "shop", "0002")


def test_a_field_that_an_event_cannot_have_is_refused(project):
    project.migration(
        1,
        "initial",
        "migrations.CreateModel('Sold', [('position', models.BigAutoField(primary_key=True)), "
        "('created', models.DateTimeField(auto_now_add=True)), "
        "('user', models.ForeignKey('auth.User', models.CASCADE))], "
        "options={'required_db_features': ['eventfold_view']})",
        attributes="initial = True",
    )
    with pytest.raises(Failed, match=r"shop.Sold.user: an event keeps the values that were true then"):
        project.migrate("--skip-checks")


def test_without_time_zones_times_are_local_as_djangos(tmp_path):
    project = Project(tmp_path, "USE_TZ = False\nTIME_ZONE = 'America/New_York'")
    project.models(
        "class Sold(Event):\n    at = models.DateTimeField()\n"
        "class Plain(models.Model):\n    created = models.DateTimeField(auto_now_add=True)\n"
        "    at = models.DateTimeField()\n"
    )
    project.update()
    project.python(
        """
        import datetime
        from shop.models import Plain, Sold

        for at in (datetime.datetime(2024, 7, 1, 12), datetime.datetime(2024, 1, 1, 12, 0, 0, 5)):
            event, row = Sold.objects.create(at=at), Plain.objects.create(at=at)
            assert event.created.tzinfo is None
            assert abs(event.created - row.created) < datetime.timedelta(seconds=5), (event.created, row.created)
            back = Sold.objects.get(pk=event.pk)
            assert (back.created, back.at) == (event.created, at), (back.created, event.created)
            assert Sold.objects.get(at=at, created=event.created) == event
            today = datetime.date.today()
            assert Sold.objects.filter(at__hour=12, created__date=today).count() == Plain.objects.count()
        """
    )
