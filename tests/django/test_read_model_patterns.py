"""Event types by pattern, as in Count("orders.*")."""

import pytest
from django.db import connection, models
from django.db.models import Q
from django.test.utils import isolate_apps

from eventfold.django import Count, Event, Filtered, Latest, Max, ReadModel, StreamCategory, on, registry
from eventfold.django.read_model_state import hash_for
from eventfold.django.registry import known_fields
from eventfold.django.specification import hash_of, specification
from tests.django.orders.events import Cancelled, Placed, Sold
from tests.django.orders.read_models import Activity


def read_model(projection, **fields):
    attributes = {**fields, "Projection": type("Projection", (), projection), "__module__": "tests.django.orders"}
    with isolate_apps("tests.django.orders"):
        return type("Shown", (ReadModel,), {"Meta": type("Meta", (), {"app_label": "orders"}), **attributes})


def spec_of(model):
    return specification(model, connection, known_fields("default"))


def test_all_types_of_an_app_that_have_the_key_are_read(db):
    Placed.objects.create(customer="ann")
    Cancelled.objects.create(customer="ann")
    last = Placed.objects.create(customer="bob")
    Sold.objects.create(item=1)
    assert sorted(Activity.objects.values_list("customer", "events", "placed", "story")) == [
        ("ann", 2, 1, "Placed Cancelled "),
        ("bob", 1, 1, "Placed "),
    ]
    assert Activity.objects.get(customer="bob").last_event == last.position
    assert sorted(Activity.projection.labels()) == ["orders.Cancelled", "orders.Placed"]


def test_a_type_that_comes_later_makes_a_replay_due(db):
    model = read_model(
        {"key": "customer", "events": Count("orders.*")},
        customer=models.CharField(max_length=20, primary_key=True),
        events=models.IntegerField(default=0),
    )
    before = spec_of(model)
    assert list(before["events"]) == ["orders.Cancelled", "orders.Placed"]
    from django.apps import apps

    class Praised(Event):
        customer = models.CharField(max_length=20)

        class Meta:
            app_label = "orders"

    try:
        after = spec_of(model)
        assert list(after["events"]) == ["orders.Cancelled", "orders.Placed", "orders.Praised"]
        assert hash_of(after) != hash_of(before)
        assert hash_for(model, "default") == hash_of(after)
    finally:
        del apps.all_models["orders"]["praised"]
        apps.clear_cache()
        registry.forget()
    assert hash_of(spec_of(model)) == hash_of(before)


def test_a_value_and_a_condition_choose_the_types_that_have_them(db):
    model = read_model(
        {
            "key": "id",
            "id": StreamCategory(),
            "lines": Latest("*", "lines__0__sku"),
            "last": Max(Filtered("orders.*", Q(customer="ann")), "position"),
        },
        id=models.CharField(max_length=20, primary_key=True),
        lines=models.CharField(max_length=20, null=True),
        last=models.IntegerField(null=True),
    )
    assert model.check() == []
    lines, last = spec_of(model)["columns"]
    no_stream = ["isnull", "category of stream", False]
    assert [source for source in lines["from"] if source[0].startswith("orders.")] == [
        ["orders.Placed", "lines__0__sku as text", {"filter": no_stream}]
    ]
    chosen = {"filter": ["and", ["exact", "customer", "ann"], no_stream]}
    assert last["from"] == [["orders.Cancelled", "position", chosen], ["orders.Placed", "position", chosen]]


def test_an_event_without_a_stream_is_left_out_rather_than_refused(db):
    model = read_model(
        {"key": "id", "id": StreamCategory(), "n": Count("orders.*")},
        id=models.CharField(max_length=20, primary_key=True),
        n=models.IntegerField(default=0),
    )
    assert "orders.Sold" in spec_of(model)["events"]
    (problem,) = read_model(
        {"key": "customer", "n": Count("no_such_app.*")},
        customer=models.CharField(max_length=20, primary_key=True),
        n=models.IntegerField(default=0),
    ).check()[:1]
    assert problem.id == "eventfold.E201"
    assert problem.msg == "The Projection reads 'no_such_app.*', and no event type is such."


def test_handlers_are_called_by_pattern_too():
    model = read_model(
        {"key": "customer", "n": on("orders.*")(lambda row, event: None)},
        customer=models.CharField(max_length=20, primary_key=True),
    )
    assert model.projection.handled_labels() == {"orders.Cancelled", "orders.Placed"}


@pytest.mark.parametrize("pattern", ["orders*", "*.Placed"])
def test_other_patterns_are_no_types(pattern):
    model = read_model(
        {"key": "customer", "n": Count(pattern)},
        customer=models.CharField(max_length=20, primary_key=True),
        n=models.IntegerField(default=0),
    )
    assert model.check()[0].id == "eventfold.E201"


def test_changes_of_tracked_tables_are_among_the_types_of_an_app():
    model = read_model(
        {"key": "key", "n": Count("sales.*"), "name": Latest("sales.*", "new_name")},
        key=models.BigIntegerField(primary_key=True),
        n=models.IntegerField(default=0),
        name=models.CharField(max_length=20, null=True),
    )
    labels = {f"sales.Shop{action}" for action in ("Created", "Changed", "Deleted", "Existed")}
    assert model.projection.labels() == labels
    assert {label for label, _ in model.projection.operations["name"].sources} == labels - {"sales.ShopDeleted"}
    assert model.check() == []
