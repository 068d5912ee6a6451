"""Fields, tables and relations that are like no other are tracked too. Each was a difference in tests/compat."""

import pytest
from django.core.management import call_command
from django.db import connection, models

from eventfold.django import as_of, events_of, history
from eventfold.django.migrate_hooks import flatten
from tests.django.oddities.models import Colour, Document, Entry, FastRunner, Race, Runner

pytestmark = pytest.mark.django_db


def test_of_a_file_the_name_is_recorded():
    document = Document.objects.create(scan="scans/a.pdf", cover="b.png", colour=Colour("red"))
    Document.objects.update(scan="scans/c.pdf")  # and its table and a column have odd names
    created, changed = events_of(Document).created.objects.get(), events_of(Document).changed.objects.get()
    assert (created.new_scan, created.new_cover) == ("scans/a.pdf", "b.png")
    assert (changed.old_scan, changed.new_scan) == ("scans/a.pdf", "scans/c.pdf")
    then = as_of(document, history(document).last().position)
    assert then.scan.name == "scans/a.pdf"
    assert then.cover.name == "b.png"


def test_a_field_class_with_arguments_of_its_own_is_recorded():
    document = Document.objects.create(colour=Colour("red"))
    assert history(document)[0].part("new")["colour"] == "red"
    assert events_of(Document).created.objects.get().new_colour.name == "red"
    assert as_of(document, history(document)[0].position).colour.name == "red"
    field = events_of(Document).created._meta.get_field("new_colour")
    assert (field.null, field.unique, field.has_default()) == (True, False, False)


def test_a_through_model_that_is_a_proxy_is_recorded_with_its_parents():
    document, race = Document.objects.create(colour=Colour("red")), Race.objects.create()
    FastRunner.objects.create(document=document, race=race, place=3)
    assert list(race.documents.all()) == [document]
    assert events_of(Runner).created.objects.get().new_race == race.pk
    assert events_of(Entry).created.objects.get().new_place == 3
    assert events_of(FastRunner) == events_of(Runner)
    call_command("check", tags=["database"], databases=["default"])  # it was said to have triggers that do not fit it


def test_an_operation_with_state_operations_of_no_list_is_taken_as_it_is():
    class Strange:
        state_operations = object()

    strange = Strange()
    assert list(flatten(strange)) == [strange]


def test_no_event_type_is_made_while_a_model_is_half_declared():
    class Half(models.Model):
        """Of a migration's state, or in the middle of an import: what it refers to is not there yet."""

        other = models.ForeignKey("oddities.NotYet", models.CASCADE)

        class Meta:
            app_label = "oddities"

    from django.apps import apps

    from eventfold.django.tracking.registry import track, untrack

    track(Half)
    try:
        with connection.cursor() as cursor:
            assert cursor.execute("SELECT 1").fetchone() == (1,)
    finally:
        untrack(Half)
        del apps.all_models["oddities"]["half"]
        apps.clear_cache()
