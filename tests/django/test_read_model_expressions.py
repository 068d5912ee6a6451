"""What a row and a value are made of: expressions, paths into JSON, elements of lists, streams, and one row of all."""

import datetime
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from eventfold import ProjectionError
from tests.django.orders.events import Cancelled, Placed, Sold, Stocked
from tests.django.orders.read_models import (
    Activity,
    Category,
    City,
    Customer,
    Earned,
    Hourly,
    LiveSku,
    LiveTotals,
    Sku,
    Stock,
    StreamOfOrders,
    Totals,
)

MODELS = (Activity, Earned, Hourly, City, Sku, Customer, Totals, Stock, StreamOfOrders, Category)
UTC = datetime.timezone.utc
LINES = [
    {"sku": "a", "units": 2, "cents": 500},
    {"sku": "b", "units": 9, "cents": 70},
    {"sku": "a", "units": 1, "cents": 400},
]


def all_rows():
    """All rows, without the numbers that the database gives out."""

    def fields(model):
        own = [field.attname for field in model._meta.concrete_fields]
        return [name for name in own if name != "id" or name in model.projection.key]

    return {model.__name__: sorted(model.objects.values_list(*fields(model)), key=repr) for model in MODELS}


def replayed():
    for model in MODELS:
        call_command("events", "replay", model._meta.label, verbosity=0)


def test_every_model_fits_its_events():
    assert [message for model in MODELS for message in model.check()] == []


def test_values_are_calculated(db):
    due = timezone.now() - datetime.timedelta(hours=3)
    Sold.objects.create(item=1, price="0.10", quantity=3, weight=0.5, due=due, label="")
    Sold.objects.create(item=1, price="20.05", quantity=25, weight=2, label="gift")
    Sold.objects.create(item=1, price=None, quantity=0)
    row = Earned.objects.get()
    assert (row.earned, row.most) == (Decimal("501.55"), Decimal("40.10"))
    assert (row.shipped, row.dozens, row.rest, row.each) == (0.5 * 3 + 1 + 51 + 1, 0, 0, None)
    assert (row.labelled, row.large) == ("gift", 1)
    assert datetime.timedelta(hours=3) <= row.late < datetime.timedelta(hours=4)
    assert row.day is None
    Sold.objects.create(item=2, price="10.00", quantity=-7, due=datetime.datetime(2024, 2, 29, 23, 30, tzinfo=UTC))
    row = Earned.objects.get(item=2)
    assert (row.dozens, row.rest, row.day, row.large) == (0, -7, datetime.date(2024, 2, 29), 0)
    assert row.each == Decimal("-1.43")
    assert Earned.objects.filter(each=Decimal("-1.43")).exists()


def test_parts_of_a_moment_are_keys(db):
    moment = datetime.datetime(2024, 3, 3, 9, 59, tzinfo=UTC)  # a Sunday
    for minutes in (0, 0, 1):
        Sold.objects.create(item=1, due=moment + datetime.timedelta(minutes=minutes))
    Sold.objects.create(item=1)
    assert sorted(Hourly.objects.values_list("hour", "week_day", "sold")) == [(9, 1, 2), (10, 1, 1)]


def test_what_stands_within_json_is_a_key_and_a_value(db):
    Placed.objects.create(
        customer="ann",
        to={"city": "Bonn", "country": "DE", "floor": 2, "size": ["1.5", 2], "flags": {"x": [1]}},
        lines=LINES,
    )
    Placed.objects.create(customer="ann", to={"city": "Bonn", "country": "FR", "floor": "3"}, lines=[])
    Placed.objects.create(customer="bob", to={"city": "Ulm", "floor": "attic", "size": [1, "?"]}, lines=None)
    Placed.objects.create(customer="bob", to={})
    assert sorted(City.objects.values_list()) == [
        ("Bonn", 2, 1, "a", 5, None, None),
        ("Ulm", 1, 0, None, 0, None, None),
        ("nowhere", 1, 0, None, 0, None, None),
    ]
    Placed.objects.create(customer="eve", to={"city": "Kiel", "size": ["1.5", 2], "flags": [True]})
    row = City.objects.get(city="Kiel")
    assert (row.volume, row.flags) == (Decimal("3.000"), [True])


def test_an_order_makes_a_row_for_each_line(db):
    Placed.objects.create(customer="ann", lines=LINES)
    Placed.objects.create(customer="bob", lines=LINES[:1])
    Placed.objects.create(customer="eve", lines=[])
    assert sorted(Sku.objects.values_list()) == [
        ("a", 3, 5, 2400, 0, "bob", "ann:2 ann:2 bob:3 "),
        ("b", 1, 9, 630, 1, "ann", "ann:1 "),
    ]
    assert sorted(Customer.objects.values_list()) == [("ann", 1, 12, 0), ("bob", 1, 2, 0), ("eve", 1, 0, 0)]


def test_an_element_without_its_key_takes_back_the_append(db):
    head = Placed.objects.count()
    with (
        pytest.raises(ProjectionError, match=r'its key "lines\[\]\.sku as text" is null or missing'),
        transaction.atomic(),
    ):
        Placed.objects.create(customer="ann", lines=[{"units": 1}])
    with (
        pytest.raises(ProjectionError, match='"lines" is no list, and its elements are'),
        transaction.atomic(),
    ):
        Placed.objects.create(customer="ann", lines={"sku": "a"})
    assert Placed.objects.count() == head
    assert not Sku.objects.exists()


def test_a_sum_beyond_64_bits_names_the_event_and_the_column(db):
    with (
        pytest.raises(
            ProjectionError,
            match=r'orders.Sku, the event orders.Placed at position \d+: the column "cents", .*: an integer beyond',
        ),
        transaction.atomic(),
    ):
        Placed.objects.create(customer="ann", lines=[{"sku": "a", "units": 2**40, "cents": 2**40}])
    assert not Placed.objects.exists()


def test_one_row_of_all(db):
    assert not Totals.objects.exists()
    Placed.objects.create(customer="ann", lines=LINES)
    Sold.objects.bulk_create([Sold(item=1, quantity=4), Sold(item=2, quantity=5)])
    assert list(Totals.objects.values_list()) == [(1, 1, 12, 9)]
    Sold.objects.create(item=1, label="start over", quantity=2)
    assert list(Totals.objects.values_list()) == [(1, 0, 0, 2)]


def test_rows_of_streams_and_of_categories(db):
    Placed.objects.create(customer="ann")
    Cancelled.objects.create(customer="ann")
    Placed.objects.create(customer="bob-2")
    assert sorted(StreamOfOrders.objects.values_list()) == [
        ("customer-ann", 2, "customer"),
        ("customer-bob-2", 1, "customer"),
    ]
    call_command("events", "replay", "orders.Category", verbosity=0)
    assert list(Category.objects.values_list()) == [("customer", 3, "customer-bob-2")]


def test_each_type_of_event_has_its_own_key(db):
    Stocked.objects.create(article="a", units=10)
    Placed.objects.create(customer="ann", lines=LINES)
    Stocked.objects.create(article="c", units=1)
    assert sorted(Stock.objects.values_list()) == [("a", 7, 2), ("b", -9, 1), ("c", 1, 0)]


def test_living_through_events_and_replaying_them_give_the_same_rows(db):
    for number in range(40):
        Sold.objects.create(
            item=number % 3,
            price=None if number % 7 == 0 else Decimal(number) / 4,
            quantity=number % 5,
            weight=number / 3,
            due=datetime.datetime(2024, 1, 1, tzinfo=UTC) + datetime.timedelta(hours=7 * number),
            label="start over" if number == 20 else "",
        )
        lines = [{"sku": f"s{number % 4}", "units": each, "cents": number} for each in range(number % 4)]
        to = {"city": f"c{number % 3}", "floor": number, "size": [number, 0.5]} if number % 4 else {}
        Placed.objects.create(customer=f"c{number % 6}", to=to, lines=lines)
        Stocked.objects.create(article=f"s{number % 5}", units=number)
        if number % 9 == 0:
            Cancelled.objects.create(customer=f"c{number % 6}")
    call_command("events", "replay", "orders.Category", verbosity=0)
    lived = all_rows()
    assert all(lived.values())
    call_command("events", "verify", *(model._meta.label for model in MODELS), verbosity=0)
    replayed()
    assert all_rows() == lived
    for model in MODELS:
        model.objects.all().delete()
    call_command("events", "replay", *(model._meta.label for model in MODELS), verbosity=0)
    assert all_rows() == lived


def test_several_read_models_are_replayed_in_one_reading_of_the_log(db):
    for name in ("ann", "bob", "ann"):
        Placed.objects.create(customer=name, lines=LINES)
    lived = all_rows()
    for model in (StreamOfOrders, Totals, Customer):
        model.objects.all().delete()
    call_command("events", "replay", "orders.StreamOfOrders", "orders.Totals", "orders.Customer", verbosity=0)
    assert all_rows() == lived


def test_a_follower_knows_streams(db):
    call_command("events", "replay", "orders.Category", verbosity=0)
    Placed.objects.create(customer="ann")
    Cancelled.objects.create(customer="bob")
    call_command("events", "follow", "--once", verbosity=0)
    assert list(Category.objects.values_list()) == [("customer", 2, "customer-bob")]


@pytest.mark.parametrize(
    ("model", "key"), [(Sku, "a"), (Stock, "a"), (StreamOfOrders, "customer-ann"), (City, "Bonn"), (Totals, "1")]
)
def test_rows_whose_key_is_calculated_can_be_replayed_alone(db, model, key):
    Stocked.objects.create(article="a", units=10)
    Placed.objects.create(customer="ann", to={"city": "Bonn"}, lines=LINES)
    Placed.objects.create(customer="bob", to={"city": "Ulm"}, lines=LINES[1:])
    lived = all_rows()
    column = next(field.column for field in model._meta.concrete_fields if field.name in ("units", "events", "placed"))
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET {column} = 99")
        cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {model._meta.pk.column} = %s", [key])
    call_command("events", "replay", model._meta.label, "--keys", key, verbosity=0)
    mended = [row for row in all_rows()[model.__name__] if str(row[0]) == key]
    assert mended == [row for row in lived[model.__name__] if str(row[0]) == key]
    assert all(99 in row for row in all_rows()[model.__name__] if row not in mended)
    call_command("events", "replay", model._meta.label, verbosity=0)
    assert all_rows() == lived


def test_rows_are_folded_on_demand_too(db):
    Placed.objects.create(customer="ann", lines=LINES)
    Sold.objects.create(item=1)
    assert list(LiveSku.objects.order_by("sku").values_list()) == list(
        Sku.objects.order_by("sku").values_list("sku", "units")
    )
    events = Placed.objects.count() + Sold.objects.count() + Cancelled.objects.count() + Stocked.objects.count()
    assert list(LiveTotals.objects.values_list()) == [(1, events, Placed.objects.count() + Cancelled.objects.count())]
