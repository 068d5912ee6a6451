"""What a Projection says must fit the model and the events, and the rows must fit the Projection."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, models
from django.db.models import F
from django.db.models.functions import TruncDate, TruncHour, TruncMonth, TruncWeek, Upper
from django.db.models.signals import post_save
from django.test.utils import isolate_apps

from eventfold.django import Count, First, Latest, Max, ReadModel, Sum, on, projector, projectors, registry
from eventfold.django.read_model_checks import check_projectors, check_references
from eventfold.django.read_model_state import mark_due
from tests.django.project import Project
from tests.django.shelves.events import Cleared, Noted, Stored, Taken
from tests.django.shelves.helpers import MODELS, given_some_events, replayed
from tests.django.shelves.read_models import Author, Place

pytestmark = pytest.mark.any_way

INTEGER = models.IntegerField


def key_field():
    return models.CharField(max_length=20, primary_key=True)


@pytest.fixture(autouse=True)
def isolated():
    with isolate_apps("tests.django.shelves") as apps:
        yield apps


def read_model(projection, bases=(ReadModel,), **fields):
    """A class with these fields and this Projection; where no key is given, it is `shelf`."""
    if "key" not in projection:
        fields, projection = {"shelf": key_field(), **fields}, {"key": "shelf", **projection}
    attributes = {**fields, "Projection": type("Projection", (), projection), "__module__": "tests.django.shelves"}
    attributes.setdefault("Meta", type("Meta", (), {"app_label": "shelves"}))
    return type("Shown", bases, attributes)


def problems(model):
    return [(message.id, message.msg, message.hint) for message in model.check() if "fields.W" not in message.id]


def the_problem(model):
    (only,) = problems(model)
    return only


@pytest.mark.parametrize("model", [Place, Author])
def test_what_fits_has_no_problem(model):
    assert problems(model) == []


@pytest.mark.parametrize(
    ("projection", "message"),
    [
        ({"key": None, "n": Count(Stored)}, "needs a key"),
        ({"missing": Count(Stored)}, "names 'missing', which is no field of Shown"),
        ({"key": "isbn", "n": Count(Stored)}, "names 'isbn', which is no field of Shown"),
        ({"n": 7}, "Shown.Projection.n is no operation such as Count or Latest: 7"),
        ({"n": lambda row, event: None}, r"Shown.Projection.n is not called for any event: give it @on\(...\)"),
    ],
)
def test_what_is_no_projection_is_no_class(projection, message):
    with pytest.raises(TypeError, match=message):
        read_model(projection, shelf=key_field(), n=INTEGER())


def test_an_operation_needs_events_and_fields():
    with pytest.raises(TypeError, match="Count needs an event type"):
        Count()
    with pytest.raises(TypeError, match=r'Latest takes an event type and a field, as in Latest.BookAdded, "title".'):
        Latest(Stored)
    with pytest.raises(TypeError, match="takes event types"):
        on()
    with pytest.raises(TypeError, match="an event type is an event class or its label"):
        read_model({"n": Count(7)}, n=INTEGER()).check()


@pytest.mark.parametrize(
    "source",
    [
        (Stored, "row", 2),
        (Stored, "row", True),
        (Stored, 1.5),
        (Stored, True),
        (Stored, 2**63),
        (Stored,),
        (Stored, "row", -1, -1),
    ],
)
def test_a_sum_is_of_fields_with_a_sign_or_of_whole_numbers(source):
    with pytest.raises(TypeError, match="Sum takes an event type and a field"):
        Sum((Stored, "row"), source)


def test_numbers_are_summed_into_a_number():
    assert problems(read_model({"n": Sum((Stored, 1), (Taken, -1))}, n=models.FloatField(default=0))) == []
    number, message, _ = the_problem(read_model({"n": Sum(Stored, 1)}, n=models.DurationField(default=timedelta())))
    assert number == "eventfold.E203"
    assert message == "The Projection sums numbers into 'n', which is a duration."
    number, message, _ = the_problem(read_model({"n": Sum(Stored, 1)}, n=models.CharField(default="")))
    assert (number, message) == ("eventfold.E203", "The Projection sums into 'n', which is no number.")


def test_an_event_that_is_unknown():
    model = read_model({"n": Count("shelves.Lost")}, n=INTEGER())
    assert the_problem(model) == (
        "eventfold.E201",
        "The Projection names 'shelves.Lost', which is no model.",
        "Name an event class, or its app and class.",
    )


def test_a_model_that_is_no_event():
    number, message, _ = the_problem(read_model({"n": Count("auth.User")}, n=INTEGER()))
    assert (number, message) == ("eventfold.E201", "The Projection reads auth.User, which is no event class.")


def test_a_projection_that_reads_nothing():
    number, message, _ = the_problem(read_model({}))
    assert (number, message) == ("eventfold.E201", "The Projection reads no event.")


def test_a_key_that_an_event_lacks():
    assert the_problem(read_model({"n": Count(Stored), "delete_on": Noted}, n=INTEGER())) == (
        "eventfold.E202",
        "The Projection has the key 'shelf': shelves.Noted has no field 'shelf'.",
        "Each event of a projection says which row it concerns: give shelves.Noted a field 'shelf'.",
    )


def test_a_key_of_another_kind():
    model = read_model({"key": "row", "n": Count(Stored)}, row=models.CharField(primary_key=True), n=INTEGER())
    number, message, _ = the_problem(model)
    assert number == "eventfold.E202"
    assert message == "The Projection has the key 'row': 'row' of shelves.Stored is of the kind integer, not text."


@pytest.mark.parametrize(
    ("key", "source", "message"),
    [
        (models.CharField, TruncDate("created"), "has the key 'when', which cannot be a day."),
        (models.DateField, TruncHour("created"), "has the key 'when', which cannot be an hour."),
        (models.DateField, TruncMonth("row"), "'row' of shelves.Stored is of the kind integer, not date or datetime."),
        (models.DateField, TruncDate("lost"), "has the key 'when': shelves.Stored has no field 'lost'."),
        (models.CharField, F("row"), "'row' of shelves.Stored is of the kind integer, not text."),
        (models.DateField, TruncDate(Upper("created")), "+ - * / %; or an @on method."),
    ],
)
def test_a_key_that_cannot_be_cut_or_taken(key, source, message):
    model = read_model({"key": "when", "when": source, "n": Count(Stored)}, when=key(primary_key=True), n=INTEGER())
    number, found, _ = the_problem(model)
    assert number == "eventfold.E202"
    assert found.endswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (TruncWeek("created"), "Shown.Projection.when: a key can be a year, month, day or hour, and not a week"),
        (TruncDate("created", tzinfo=ZoneInfo("Europe/London")), "are those of UTC, and not of Europe/London"),
    ],
)
def test_a_key_is_cut_to_a_span_in_utc(source, message):
    with pytest.raises(TypeError, match=message):
        read_model({"key": "when", "when": source, "n": Count(Stored)}, when=models.DateField(primary_key=True))


def test_a_key_by_which_the_table_may_have_two_rows():
    fields = {"shelf": models.CharField(max_length=20), "row": models.IntegerField(), "n": INTEGER()}
    projection = {"key": ("shelf", "row"), "n": Count(Stored)}
    number, message, hint = the_problem(read_model(projection, **fields))
    assert number == "eventfold.E206"
    assert message == "The Projection has the key 'shelf', 'row', by which the table may have several rows."
    assert "models.UniqueConstraint(fields=['shelf', 'row']" in hint


@pytest.mark.parametrize(
    "meta",
    [
        {"unique_together": [("row", "shelf")]},
        {"constraints": [models.UniqueConstraint(fields=["shelf", "row"], name="one")]},
    ],
)
def test_a_key_that_is_unique_by_its_fields_together(meta):
    fields = {
        "shelf": models.CharField(max_length=20),
        "row": models.IntegerField(),
        "n": INTEGER(),
        "Meta": type("Meta", (), {"app_label": "shelves", **meta}),
    }
    assert problems(read_model({"key": ("shelf", "row"), "n": Count(Stored)}, **fields)) == []


def test_a_composite_primary_key():
    fields = {
        "pk": models.CompositePrimaryKey("shelf", "row"),
        "shelf": models.CharField(max_length=20),
        "row": models.IntegerField(),
        "n": INTEGER(),
    }
    assert problems(read_model({"key": ("shelf", "row"), "n": Count(Stored)}, **fields)) == []


@pytest.mark.parametrize(
    ("operation", "field", "message"),
    [
        (Latest(Stored, "colour"), models.CharField(null=True), "fills 'x': shelves.Stored has no field 'colour'."),
        (
            Latest(Stored, "title"),
            models.IntegerField(null=True),
            "fills 'x': 'title' of shelves.Stored is of the kind text, not integer.",
        ),
        (
            First((Stored, "title"), (Taken, "row")),
            models.CharField(null=True),
            "fills 'x': 'row' of shelves.Taken is of the kind integer, not text.",
        ),
        (
            Max(Stored, "created"),
            models.DateField(null=True),
            "fills 'x': 'created' of shelves.Stored is of the kind datetime, not date.",
        ),
        (Count(Stored), models.CharField(default=""), "counts into 'x', which is no number."),
        (Sum(Stored, "title"), models.CharField(default=""), "sums into 'x', which is no number."),
        (
            Sum(Stored, "weight"),
            models.DecimalField(max_digits=20, decimal_places=2),
            "sums into 'x', which has more than 15 digits.",
        ),
        (Latest(Stored, "title"), models.FileField(null=True), "cannot fill 'x', a FileField."),
    ],
)
def test_a_result_that_does_not_fit_its_column(operation, field, message):
    number, found, _ = the_problem(read_model({"x": operation}, x=field))
    assert (number, found) == ("eventfold.E203", f"The Projection {message}")


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        (Sum(Stored, "row"), models.FloatField()),
        (Sum(Stored, "row"), models.DecimalField(max_digits=15, decimal_places=0)),
        (Latest((Stored, "position"), (Taken, "row")), models.BigIntegerField(null=True)),
        (Max(Stored, "created"), models.DateTimeField(null=True)),
        (Count(Stored, "shelves.Taken"), models.PositiveSmallIntegerField()),
    ],
)
def test_a_result_that_fits_its_column(operation, field):
    assert problems(read_model({"x": operation}, x=field)) == []


def test_a_key_that_is_a_result_too():
    number, message, _ = the_problem(read_model({"shelf": Latest(Stored, "shelf"), "n": Count(Stored)}, n=INTEGER()))
    assert (number, message) == ("eventfold.E203", "The Projection makes 'shelf' a key and a result.")


@pytest.mark.parametrize("operation", [Latest(Stored, "length"), None])
def test_a_column_that_would_have_no_value(operation):
    projection = {"n": Count(Stored)} if operation is None else {"x": operation}
    fields = {"n": INTEGER()} if operation is None else {}
    assert the_problem(read_model(projection, x=models.FloatField(), **fields)) == (
        "eventfold.E204",
        "The Projection leaves 'x' without a value in a new row.",
        "Give the field null=True or a default.",
    )


def test_a_reference_to_a_read_model_that_a_constraint_holds(isolated):
    shown = read_model({"n": Count(Stored)}, n=INTEGER())
    meta = type("Meta", (), {"app_label": "shelves"})
    held = models.ForeignKey(shown, models.CASCADE)
    free = models.ForeignKey(shown, models.DO_NOTHING, db_constraint=False, related_name="+")
    attributes = {"__module__": "tests.django.shelves", "Meta": meta, "held": held, "free": free}
    type("Mine", (models.Model,), attributes)
    (only,) = check_references(isolated.get_app_configs())
    assert only.id == "eventfold.E205"
    assert only.msg == (
        "shelves.Mine.held refers to the read model shelves.Shown, whose rows come and go with the log."
    )
    assert "db_constraint=False" in only.hint


def test_a_reference_from_a_read_model_that_a_constraint_holds(isolated):
    meta = type("Meta", (), {"app_label": "shelves"})
    other = type("Other", (models.Model,), {"__module__": "tests.django.shelves", "Meta": meta})
    read_model({"n": Count(Stored)}, n=INTEGER(), other=models.ForeignKey(other, models.CASCADE, null=True))
    (only,) = check_references(isolated.get_app_configs())
    assert only.id == "eventfold.W202"
    assert "shelves.Shown.other refers to shelves.Other by a constraint" in only.msg


def test_projectors_that_name_what_is_not_there(monkeypatch):
    monkeypatch.setattr(projectors, "_projectors", [])

    @projector("shelves.Lost", "auth.User", reads=["shelves.Nothing", "shelves.Place"])
    def keep(event):
        raise AssertionError

    found = [message.msg for message in check_projectors(None)]
    name = f"{keep.__module__}.{keep.__qualname__}"
    assert found == [
        f"The projector {name} is called for 'shelves.Lost', which is no event class.",
        f"The projector {name} is called for 'auth.User', which is no event class.",
        f"The projector {name} keeps 'shelves.Nothing', which is no model.",
        f"The projector {name} keeps shelves.Place, which has a Projection.",
    ]
    for each in projectors.all_projectors():
        post_save.disconnect(each.receive, sender="auth.User")


@pytest.fixture
def checked(capsys, db):
    """What `manage.py check --database default` prints about replays."""

    def run():
        capsys.readouterr()
        call_command("check", tags=["database"], databases=["default"])
        return [line for line in capsys.readouterr().err.splitlines() if "replay" in line]

    return run


def test_rows_that_were_lived_through_are_right(checked):
    given_some_events()
    assert checked() == []


def test_a_changed_projection_makes_a_replay_due(checked, monkeypatch):
    given_some_events()
    replayed()
    operations = {**Place.projection.operations, "taken": Count(Taken, Cleared)}
    monkeypatch.setattr(Place, "projection", replace(Place.projection, operations=operations))
    registry.forget()
    try:
        assert checked() == [
            "shelves.Place: (eventfold.W201) A replay of shelves.Place is due in the database 'default': its "
            "definition has changed since its rows were made.",
            "\tHINT: Run `manage.py events replay shelves.Place --database default`.",
        ]
        replayed("shelves.Place")
        assert checked() == []
    finally:
        monkeypatch.undo()
        registry.forget()


def test_another_receiver_that_keeps_a_model_makes_a_replay_due(checked, monkeypatch):
    given_some_events()
    replayed()
    monkeypatch.setattr(projectors, "_projectors", list(projectors.all_projectors()[1:]))

    @projector("shelves.Noted", reads="shelves.Author")
    def keep(event):
        pass

    try:
        assert "A replay of shelves.Author is due" in checked()[0]
    finally:
        post_save.disconnect(projectors.all_projectors()[-1].receive, sender="shelves.Noted")


def test_a_read_model_that_is_new_over_an_old_log_makes_a_replay_due(checked):
    given_some_events()
    replayed()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventfold_read_model WHERE name = 'shelves.Place'")
    assert "is due in the database 'default': it was never built from the events that the log has." in checked()[0]
    replayed("shelves.Place")
    assert checked() == []


def test_events_that_were_loaded_past_the_rows_make_a_replay_due(checked):
    given_some_events()
    replayed()
    mark_due("default")
    due = [line for line in checked() if "W201" in line and "shelves." in line]
    assert len(due) == len(MODELS)
    assert all("is due in the database 'default': events were loaded past it" in line for line in due)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("log_id = 'another'", "its rows were made from another log, another"),
        ("epoch = epoch - 1", "the log was emptied since its rows were made"),
        ("position = position + 5", "its rows were made up to position"),
    ],
)
def test_rows_of_another_log_are_an_error(checked, change, problem):
    given_some_events()
    replayed()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE eventfold_read_model SET {change} WHERE name = 'shelves.Place'")
    with pytest.raises(SystemCheckError, match=problem) as raised:
        checked()
    assert "eventfold.E208" in str(raised.value)
    replayed("shelves.Place")
    assert checked() == []


def test_check_says_so_when_a_class_changes_and_is_quiet_after_the_replay(tmp_path):
    project = Project(tmp_path)
    declared = """
        from eventfold.django import Count, Max, ReadModel
        class Sold(Event):
            item = models.BigIntegerField()
        class Item(ReadModel):
            item = models.BigIntegerField(primary_key=True)
            sold = models.IntegerField(default=0)
            {field}
            class Projection:
                key = "item"
                sold = Count(Sold)
                {operation}
    """
    project.models(declared.format(field="", operation=""))
    project.makemigrations()
    project.migrate()
    project.python("from shop.models import Sold\nSold.objects.create(item=1)\nSold.objects.create(item=1)")
    assert "replay" not in project.run("check", "--database", "default")
    project.models(
        declared.format(field="last = models.BigIntegerField(null=True)", operation='last = Max(Sold, "position")')
    )
    project.makemigrations()
    project.migrate()
    assert "A replay of shop.Item is due" in project.run("check", "--database", "default")
    assert "its definition has changed" in project.run("events", "status")
    project.run("events", "replay")
    assert project.rows("SELECT item, sold, last FROM shop_item") == [(1, 2, 2)]
    assert "replay" not in project.run("check", "--database", "default")
