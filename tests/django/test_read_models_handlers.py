"""@on methods: rules in Python that the native reader feeds."""

import datetime

import pytest
from django.core.management import CommandError
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps

from eventfold.django import Event, ReadModel, on
from eventfold.django.event_reader import EventReader
from eventfold.django.handlers import RowHandler
from eventfold.django.type_fields import TypeFields
from eventfold.errors import ProjectionError
from tests.django.shelves.events import Noted, Stored, Taken
from tests.django.shelves.helpers import replayed, rows
from tests.django.shelves.read_models import Diary, Place

pytestmark = pytest.mark.django_db


def handle(monkeypatch, method):
    """Let another @on method be called for both events of Diary."""
    handler = Diary.projection.handlers[0]
    monkeypatch.setitem(vars(handler), "method", method)
    from eventfold.django import registry

    registry.forget()


@pytest.fixture(autouse=True)
def compiled_anew():
    yield
    from eventfold.django import registry

    registry.forget()


def test_they_see_rows_and_events_in_log_order_together_with_native_operations():
    Stored.objects.create(shelf="a", row=1, title="One", weight="1.50")
    Taken.objects.create(shelf="a", row=1, by="ann")
    Stored.objects.bulk_create([Stored(shelf="a", row=1, title=title) for title in ("Two", "Three")])
    diary = Diary.objects.get()
    assert diary.story == "1:One taken by ann 2:Two 3:Three "
    assert diary.weights == ["1.50"]
    assert diary.latest == Stored.objects.latest("position").created
    Diary.objects.all().delete()
    replayed("shelves.Diary")
    assert rows(Diary) == [("a", 3, diary.story, diary.latest, diary.weights)]


def test_one_that_raises_undoes_the_append(monkeypatch):
    def fail(row, event):
        raise RuntimeError("no")

    handle(monkeypatch, fail)
    with pytest.raises(RuntimeError, match="no"):
        Stored.objects.create(shelf="a", row=1, title="One")
    assert Stored.objects.count() == Place.objects.count() == Diary.objects.count() == 0


def test_one_that_raises_on_a_replay_leaves_the_rows_and_says_at_which_event(monkeypatch):
    first = Stored.objects.create(shelf="a", row=1, title="One")
    before = rows(Diary)

    def fail(row, event):
        raise RuntimeError("no")

    handle(monkeypatch, fail)
    with pytest.raises(CommandError, match=f"shelves.Diary.*shelves.Stored at position {first.position}.*no"):
        replayed("shelves.Diary")
    assert rows(Diary) == before


def test_one_that_appends_is_refused(monkeypatch):
    Stored.objects.create(shelf="a", row=1, title="One")
    handle(monkeypatch, lambda row, event: Noted.objects.create(author="x", words=1))
    with pytest.raises(ProjectionError, match="@on"):
        Stored.objects.create(shelf="a", row=1, title="Two")
    with pytest.raises(CommandError, match="@on"):
        replayed("shelves.Diary")
    assert Stored.objects.count() == 1
    assert Noted.objects.count() == 0


def test_one_that_saves_its_row_is_refused(monkeypatch):
    handle(monkeypatch, lambda row, event: row.save())
    with pytest.raises(ProjectionError, match=r"save\(\) is refused"):
        Stored.objects.create(shelf="a", row=1, title="One")
    assert Stored.objects.count() == 0


def test_a_value_that_the_column_cannot_hold_undoes_the_append(monkeypatch):
    def set_text(row, event):
        row.stored = "many"

    handle(monkeypatch, set_text)
    with pytest.raises(ValueError, match="many"):
        Stored.objects.create(shelf="a", row=1, title="One")
    assert Stored.objects.count() == 0


def test_an_event_is_seen_as_it_was_created(monkeypatch):
    seen = []
    handle(monkeypatch, lambda row, event: seen.append(event))
    moment = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
    created = Stored.objects.create(shelf="a", row=1, title="One", weight="2.5", acquired=moment, tags=[1], length=1)
    replayed("shelves.Diary")
    for event in seen:
        assert event == created
        assert event == Stored.objects.get()
        for field in Stored._meta.concrete_fields:
            assert getattr(event, field.attname) == getattr(Stored.objects.get(), field.attname)
    assert len(seen) == 2


@override_settings(USE_TZ=False)
@pytest.mark.filterwarnings("ignore:The view of")
def test_times_are_local_without_time_zones(monkeypatch):
    seen = []
    handle(monkeypatch, lambda row, event: seen.append(event.created))
    created = Taken.objects.create(shelf="a", row=1, by="ann").created
    handler_saw = Stored.objects.create(shelf="a", row=1, title="One").created
    assert seen == [handler_saw]
    assert Place.objects.get().last_change == handler_saw
    assert handler_saw - created < datetime.timedelta(minutes=1)


class Backwards(models.CharField):
    """A field class of a project's own."""

    def get_prep_value(self, value):
        return value[::-1]

    def from_db_value(self, value, expression, connection):
        return value[::-1]


@isolate_apps("tests.django.shelves")
def test_a_field_of_the_projects_own_reads_and_stores_its_values_itself():
    class Named(Event):
        name = Backwards(max_length=9)

        class Meta:
            app_label = "shelves"

    class Known(ReadModel):
        name = Backwards(max_length=9, primary_key=True)
        nick = Backwards(max_length=9, default="")

        class Projection:
            key = "name"

            @on("shelves.Taken")
            def taken(row, event):
                row.nick = row.name[:2] + event.by

        class Meta:
            app_label = "shelves"

    assert EventReader(Named, TypeFields(), "default")(1, 0, '{"name":"nna"}').name == "ann"
    row = {"name": "nna", "nick": ""}
    RowHandler(Known, "default", {})(row, ("shelves.Taken", 1, 0, '{"shelf":"a","row":1,"by":"y"}'))
    assert row == {"name": "nna", "nick": "yna"}
