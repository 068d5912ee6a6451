"""Expressions that a projection cannot have are found by check, which says what is wrong; others are explained."""

import io
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.db.models import BooleanField, Case, ExpressionWrapper, F, FloatField, IntegerField, Q, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import (
    Cast,
    Coalesce,
    ExtractHour,
    ExtractMonth,
    ExtractYear,
    Lower,
    NullIf,
    TruncMonth,
    TruncWeek,
)
from django.db.models.lookups import Exact, GreaterThan, IExact, In, IsNull, LessThan
from django.test.utils import isolate_apps

from eventfold import _core
from eventfold.django import Count, Each, KeyOf, Latest, ReadModel, StreamName, Sum
from eventfold.django.gate import native
from eventfold.django.registry import known_fields
from eventfold.django.specification import as_text, specification
from tests.django.orders.events import Cancelled, Placed, Sold, Stocked

pytestmark = pytest.mark.any_way


def read_model(projection, **fields):
    attributes = {**fields, "Projection": type("Projection", (), projection), "__module__": "tests.django.orders"}
    with isolate_apps("tests.django.orders"):
        return type("Shown", (ReadModel,), {"Meta": type("Meta", (), {"app_label": "orders"}), **attributes})


def of_sold(expression, field=None, event=Sold, operation=Latest):
    """A read model of one column, which is made of an expression."""
    key = models.IntegerField(primary_key=True)
    column = models.IntegerField(null=True) if field is None else field
    return read_model({"key": (), "x": operation(event, expression)}, n=key, x=column)


def folded(model):
    spec = as_text(specification(model, connection, known_fields("default")))
    return native(connection, "fold", lambda log: _core.fold(log, spec).to_dict())


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (F("label") * F("quantity"), '"label" is of the kind text, and "*" is of numbers'),
        (F("quantity") * F("lost"), "orders.Sold has no field 'lost'"),
        (F("price") % 2, '"price" is of the kind decimal, and "%" is of integers'),
        (F("day") + 1, '"day" is of the kind date'),
        (F("quantity") + Value("x"), "its operand is of the kind text"),
        (F("quantity") ** 2, "an expression can have + - * / and %, and not '^'"),
        (F("quantity").bitand(1), "an expression can have + - * / and %, and not '&'"),
        (Coalesce("label", "quantity"), '"quantity" is of the kind integer, and "label" of the kind text'),
        (ExtractHour("day"), '"day" is of the kind date, which has no hour'),
        (ExtractHour("due", tzinfo=ZoneInfo("Europe/Berlin")), "are those of UTC, and not of Europe/Berlin"),
        (TruncWeek("due"), "cut to its year, month, day or hour, and not to its week"),
        (F("quantity__hour"), "'quantity' of orders.Sold is of the kind integer, and has no 'hour'"),
        (Lower("label"), "a projection cannot calculate Lower(F(label)): use F, Value, Coalesce"),
        (Case(When(quantity=1, then=1)), "a projection cannot calculate"),
        (Cast("label", IntegerField()), "only a value out of JSON can be taken as another kind"),
        (Value(datetime(2024, 1, 1)), "compare with it in a filter"),
        (Value(2**63), "cannot have the value 9223372036854775808"),
        (Each("label"), '"label" is of the kind text, and only JSON has something within'),
        (F("price") * F("quantity"), "'price * quantity' of orders.Sold is of the kind decimal, not integer"),
        (F("quantity") / 2.0, "'quantity / 2.0' of orders.Sold is of the kind real, not integer"),
        (StreamName(), "'name of stream' of orders.Sold is of the kind text, not integer"),
    ],
)
def test_an_expression_that_cannot_be_is_found_by_check(expression, message):
    (problem,) = of_sold(expression).check()
    assert problem.id == "eventfold.E203"
    assert message in problem.msg


def test_a_key_that_cannot_be_made_is_found_by_check():
    key = models.IntegerField(primary_key=True)
    (problem,) = read_model(
        {"key": "k", "k": F("label") * 2, "n": Count(Sold)}, k=key, n=IntegerField(default=0)
    ).check()
    assert problem.id == "eventfold.E202"
    assert '"label" is of the kind text' in problem.msg
    (problem,) = read_model(
        {"key": (), "n": Count(Sold)}, k=models.CharField(primary_key=True), n=IntegerField(default=0)
    ).check()
    assert problem.msg == "The Projection has the key 'k': '1' of orders.Sold is of the kind integer, not text."
    (problem,) = read_model(
        {"key": "k", "k": F("to__year"), "n": Count(Placed, Cancelled)},
        k=models.IntegerField(primary_key=True),
        n=IntegerField(default=0),
    ).check()
    assert "orders.Cancelled has no field 'to'" in problem.msg


def test_a_key_of_each_type_is_checked():
    key, number = models.CharField(primary_key=True), IntegerField(default=0)
    key_of = KeyOf((Stocked, "article"), ("orders.Placed", Each("lines", "sku")))
    (problem,) = read_model({"key": "k", "k": key_of, "n": Count(Stocked, Sold)}, k=key, n=number).check()
    assert problem.msg == "The Projection has the key 'k': KeyOf() says nothing of orders.Sold."
    key_of, number = KeyOf((Stocked, "units"), (Placed, Each("lines", "sku"))), IntegerField(default=0)
    key = models.CharField(primary_key=True)
    (problem,) = read_model({"key": "k", "k": key_of, "n": Count(Stocked, Placed)}, k=key, n=number).check()
    assert "of orders.Stocked is of the kind integer, not text" in problem.msg
    with pytest.raises(TypeError, match="takes pairs of an event type and what its key is made of"):
        KeyOf(Stocked, "units")


def test_one_row_of_all_needs_a_table():
    with isolate_apps("tests.django.orders"), pytest.raises(TypeError, match=r"key = \(\) is of a class with a table"):
        attributes = {"Meta": type("Meta", (), {"abstract": True}), "__module__": "tests.django.orders"}
        type("Base", (ReadModel,), {"Projection": type("Projection", (), {"key": (), "n": Count(Sold)}), **attributes})


def test_elements_are_counted_by_a_condition_on_them(db):
    Placed.objects.create(customer="ann", lines=[{"sku": "a", "cents": 1}, {"sku": "b", "cents": None}, {"sku": "c"}])
    Placed.objects.create(customer="ann", lines=[])
    assert counted(Placed, Q(IsNull(Each("lines"), False))) == 3
    assert counted(Placed, Q(IsNull(Each("lines", "cents"), False))) == 1
    assert counted(Placed, Q(IsNull(Each("lines", "cents"), True))) == 2


def test_an_event_is_taken_apart_by_one_list_only():
    model = read_model(
        {"key": "k", "k": Each("lines", "sku"), "n": Sum(Placed, Each("to", "n"))},
        k=models.CharField(primary_key=True),
        n=IntegerField(default=0),
    )
    (problem,) = model.check()
    assert problem.id == "eventfold.E203"
    assert "the event orders.Placed is taken apart by two lists, lines and to" in problem.msg


@pytest.mark.parametrize(
    ("expression", "field", "value"),
    [
        (ExpressionWrapper(F("quantity") * 2, IntegerField()), None, 14),
        (Value(3) - F("quantity"), None, -4),
        (F("quantity") % Value(4), None, 3),
        (F("price") * Decimal("0.10"), models.DecimalField(max_digits=9, decimal_places=2, null=True), 1.05),
        (F("price") + Value(Decimal("-0.5")), models.DecimalField(max_digits=9, decimal_places=2, null=True), 10),
        (F("quantity") * 0.5, models.FloatField(null=True), 3.5),
        (Coalesce("label", Value("none")), models.CharField(null=True), ""),
        (NullIf("label", Value("")), models.CharField(null=True), None),
        (TruncMonth("due"), models.DateTimeField(null=True), "2024-02-01 00:00:00"),
        (ExtractYear("due") * 100 + ExtractMonth("due"), None, 202402),
        (F("due__day"), None, 29),
        ("due__hour", None, 23),
        (F("due") - F("due"), models.DurationField(null=True), 0),
        (Value(True), models.BooleanField(null=True), True),
        (F("position") - F("position"), None, 0),
    ],
)
def test_django_expressions_are_calculated(db, expression, field, value):
    Sold.objects.create(item=1, price="10.50", quantity=7, due="2024-02-29T23:30:00Z")
    model = of_sold(expression, field)
    assert model.check() == []
    assert folded(model) == {1: (value,)}


@pytest.mark.parametrize(
    ("expression", "field", "value"),
    [
        ("to__a__b", models.IntegerField(null=True), 5),
        (KT("to__a__b"), models.CharField(null=True), "5"),
        (Cast("to__a__b", FloatField()), models.FloatField(null=True), 5.0),
        (Cast(KT("to__flag"), BooleanField()), models.BooleanField(null=True), True),
        ("to__flag", models.IntegerField(null=True), 1),
        ("to__a", models.JSONField(null=True), {"b": 5}),
        ("to__when", models.DateField(null=True), "2024-02-29"),
        ("to__when", models.DateTimeField(null=True), "2024-02-29 10:00:00"),
        ("to__when", models.IntegerField(null=True), None),
        (ExtractHour("to__when"), models.IntegerField(null=True), 10),
        ("to__span", models.DurationField(null=True), 7),
        ("to__price", models.DecimalField(max_digits=5, decimal_places=1, null=True), 1.3),
    ],
)
def test_what_json_has_is_taken_as_its_column_wants_it(db, expression, field, value):
    to = {"a": {"b": 5}, "flag": True, "when": "2024-02-29T10:00:00Z", "span": 7, "price": "1.25"}
    Placed.objects.create(customer="ann", to=to)
    model = of_sold(expression, field, Placed)
    assert model.check() == []
    ((found,),) = folded(model).values()
    assert (found, type(found)) == (value, type(value))


def test_json_cannot_be_taken_as_bytes():
    (problem,) = of_sold("to__a", models.BinaryField(null=True), Placed).check()
    assert "a value out of JSON cannot be taken as binary" in problem.msg


def counting(event, condition):
    key, number = models.IntegerField(primary_key=True), models.IntegerField(default=0)
    return read_model({"key": (), "n": Count(event, filter=condition)}, k=key, n=number)


def counted(event, condition):
    """How many events a condition lets in."""
    model = read_model(
        {"key": (), "n": Count(event, filter=condition)},
        k=models.IntegerField(primary_key=True),
        n=models.IntegerField(default=0),
    )
    assert model.check() == []
    return folded(model).get(1, (0,))[0]


@pytest.mark.parametrize(
    "condition",
    [
        Q(to__city="Bonn"),
        Q(to__city__in=["Bonn", "Ulm"]),
        Q(to__floor__gt=2),
        Q(to__floor=2.5),
        Q(to__city__startswith="B"),
        Q(to__deep__0__x="y"),
        Q(to__city__isnull=True),
        Q(to__city="Bonn") & Q(to__floor__lte=2),
        Q(to__flag=True),
        Q(customer="ann") | Q(to__city="Ulm"),
    ],
)
def test_a_condition_on_json_is_true_for_what_filter_finds(db, condition):
    for to in ({"city": "Bonn", "floor": 2}, {"city": "Ulm", "floor": 2.5, "flag": True}, {"deep": [{"x": "y"}]}, {}):
        Placed.objects.create(customer="ann" if to else "bob", to=to)
    found = Placed.objects.filter(condition).count()
    assert found
    assert counted(Placed, condition) == found


def test_a_negated_condition_on_json_is_true_where_there_is_nothing(db):
    Placed.objects.create(customer="ann", to={"city": "Bonn"})
    Placed.objects.create(customer="ann", to={"city": "Ulm"})
    Placed.objects.create(customer="ann", to={})
    assert counted(Placed, ~Q(to__city="Bonn")) == 2
    assert counted(Placed, ~Q(to__city="Bonn") & Q(to__city__isnull=False)) == 1


def test_a_condition_compares_an_expression(db):
    Sold.objects.create(item=1, price="10.50", quantity=7, due="2024-02-29T23:30:00Z")
    Sold.objects.create(item=2, price=None, quantity=1)
    assert counted(Sold, Q(GreaterThan(F("price") * F("quantity"), 70))) == 1
    assert counted(Sold, Q(LessThan(F("price") * F("quantity"), Decimal("73.5")))) == 0
    assert counted(Sold, ~Q(LessThan(F("price") * F("quantity"), Decimal("73.5")))) == 1  # null is neither
    assert counted(Sold, Q(In(F("quantity") % 3, [1]))) == 2
    assert counted(Sold, Q(Exact(F("due") - F("created"), timedelta(0)))) == 0
    assert counted(Sold, Q(due__year=2024, due__month__in=[2], due__week_day=5)) == 1
    assert counted(Sold, Q(created__year__gte=2000)) == 2
    assert counted(Placed, Q(stream="customer-ann")) == 0
    Placed.objects.create(customer="ann")
    assert counted(Placed, Q(stream="customer-ann")) == counted(Placed, Q(stream__startswith="customer-")) == 1


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Q(GreaterThan(F("label") * 2, 1)), '"label" is of the kind text'),
        (Q(GreaterThan(F("quantity") * 2, "x")), "'x' is no value of 'quantity * 2': it is no number"),
        (Q(GreaterThan(F("quantity") * 2, F("item"))), "a condition compares with plain values"),
        (Q(IExact(F("label"), "x")), "'iexact' is none of the lookups"),
        (Q(day__hour=1), "which has no hour"),
        (Q(due__year="x"), "'x' is no value of 'year of due'"),
    ],
)
def test_a_comparison_that_cannot_be_is_found_by_check(condition, message):
    model = read_model(
        {"key": (), "n": Count(Sold, filter=condition)},
        k=models.IntegerField(primary_key=True),
        n=models.IntegerField(default=0),
    )
    (problem,) = model.check()
    assert problem.id == "eventfold.E209"
    assert message in problem.msg


def explained(label):
    stream = io.StringIO()
    call_command("events", "explain", label, stdout=stream)
    return stream.getvalue()


def test_a_read_model_says_what_its_rows_and_values_are_made_of(db):
    text = explained("orders.Sku")
    assert "Key: sku (lines[].sku as text), of each element of a list of each event that is read\n" in text
    assert "sum of lines[].units * lines[].cents as integer of orders.Placed; begins as 0\n" in text
    assert "number of orders.Placed where lines[].units > 5; begins as 0\n" in text
    assert "  orders.Placed: customer, lines\n" in text
    text = explained("orders.Hourly")
    assert "Key: hour (hour of due) and week_day (week_day of due), of each event that is read\n" in text
    assert "Key: always 1, in id: one row of all\n" in explained("orders.Totals")
    assert "Key: stream (name of stream), of each event that is read\n" in explained("orders.StreamOfOrders")
    text = explained("orders.Stock")
    assert "Key: sku (lines[].sku as text of orders.Placed or article of orders.Stocked), of each" in text
    text = explained("orders.Earned")
    assert "latest price / NullIf(quantity, 0) as decimal(2) of orders.Sold; begins as null\n" in text
