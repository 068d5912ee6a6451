"""Rows and values that are made of the events' fields, rather than being such."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, ExtractHour, ExtractWeekDay, NullIf, TruncDate
from django.db.models.lookups import GreaterThan

from eventfold.django import (
    Count,
    Each,
    Filtered,
    First,
    KeyOf,
    Latest,
    Max,
    ReadModel,
    StreamCategory,
    StreamName,
    Sum,
    on,
)
from tests.django.orders.events import Cancelled, Placed, Sold, Stocked


class Earned(ReadModel):
    """Values that are calculated."""

    item = models.BigIntegerField(primary_key=True)
    earned = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    shipped = models.FloatField(default=0)
    most = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    dozens = models.IntegerField(null=True)
    rest = models.IntegerField(null=True)
    each = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    labelled = models.CharField(max_length=20, null=True)
    late = models.DurationField(null=True)
    day = models.DateField(null=True)
    large = models.IntegerField(default=0)

    class Projection:
        key = "item"
        earned = Sum(Sold, F("price") * F("quantity"))
        shipped = Sum(Sold, F("weight") * F("quantity") + 1)
        most = Max(Sold, Coalesce("price", Value(0)) * 2)
        dozens = Latest(Sold, F("quantity") / 12)
        rest = Latest(Sold, F("quantity") % 12)
        each = Latest(Sold, F("price") / NullIf("quantity", 0))
        labelled = First(Sold, NullIf("label", Value("")))
        late = Max(Sold, F("created") - F("due"))
        day = Latest(Sold, TruncDate("due"))
        large = Count(Sold, filter=Q(GreaterThan(F("price") * F("quantity"), 100)))


class Hourly(ReadModel):
    """Two keys that are parts of moments."""

    hour = models.IntegerField()
    week_day = models.IntegerField()
    sold = models.IntegerField(default=0)

    class Projection:
        key = ("hour", "week_day")
        hour = ExtractHour("due")
        week_day = ExtractWeekDay("due")
        sold = Count(Sold, filter=Q(due__isnull=False))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hour", "week_day"], name="orders_hourly_key")]


class City(ReadModel):
    """What stands within JSON: a key, values, conditions."""

    city = models.CharField(max_length=20, primary_key=True)
    placed = models.IntegerField(default=0)
    abroad = models.IntegerField(default=0)
    first_sku = models.CharField(max_length=20, null=True)
    floors = models.IntegerField(default=0)
    volume = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    flags = models.JSONField(null=True)

    class Projection:
        key = "city"
        city = Coalesce("to__city", Value("nowhere"))
        placed = Count(Placed)
        abroad = Count(Placed, filter=~Q(to__country="DE") & Q(to__country__isnull=False))
        first_sku = First(Placed, "lines__0__sku")
        floors = Sum(Placed, "to__floor")
        volume = Latest(Placed, F("to__size__0") * F("to__size__1"))
        flags = Latest(Placed, "to__flags")


class Sku(ReadModel):
    """A row for each element of a list."""

    sku = models.CharField(max_length=20, primary_key=True)
    lines = models.IntegerField(default=0)
    units = models.IntegerField(default=0)
    cents = models.IntegerField(default=0)
    large = models.IntegerField(default=0)
    last_customer = models.CharField(max_length=20, null=True)
    story = models.TextField(default="")

    class Projection:
        key = "sku"
        sku = Each("lines", "sku")
        lines = Count(Placed)
        units = Sum(Placed, Each("lines", "units"))
        cents = Sum(Placed, Each("lines", "units") * Each("lines", "cents"))
        large = Count(Placed, filter=Q(GreaterThan(Each("lines", "units"), 5)))
        last_customer = Latest(Placed, "customer")

        @on(Placed)
        def tell(row, event):
            row.story += f"{event.customer}:{row.lines} "


class Customer(ReadModel):
    """Values from each element of a list, for one row."""

    customer = models.CharField(max_length=20, primary_key=True)
    orders = models.IntegerField(default=0)
    units = models.IntegerField(default=0)
    cancelled = models.IntegerField(default=0)

    class Projection:
        key = "customer"
        orders = Count(Placed)
        units = Sum(Placed, Each("lines", "units"))
        cancelled = Count(Cancelled)


class Totals(ReadModel):
    """One row of all."""

    orders = models.IntegerField(default=0)
    units = models.IntegerField(default=0)
    sold = models.IntegerField(default=0)

    class Projection:
        key = ()
        orders = Count(Placed)
        units = Sum(Placed, Each("lines", "units"))
        sold = Sum(Sold, "quantity")
        delete_on = Filtered(Sold, Q(label="start over"))


class StreamOfOrders(ReadModel):
    stream = models.CharField(max_length=100, primary_key=True)
    events = models.IntegerField(default=0)
    category = models.CharField(max_length=100, null=True)

    class Projection:
        key = "stream"
        events = Count(Placed, Cancelled)
        category = First(Placed, StreamCategory())


class Category(ReadModel):
    lifecycle_of = models.CharField(max_length=100, primary_key=True)
    events = models.IntegerField(default=0)
    last_stream = models.CharField(max_length=100, null=True)

    class Projection:
        lifecycle = "async"
        key = "lifecycle_of"
        lifecycle_of = StreamCategory()
        events = Count(Placed, Cancelled)
        last_stream = Latest((Placed, StreamName()), (Cancelled, "stream"))


class Activity(ReadModel):
    """Event types by pattern."""

    customer = models.CharField(max_length=20, primary_key=True)
    events = models.IntegerField(default=0)
    placed = models.IntegerField(default=0)
    last_event = models.BigIntegerField(null=True)
    story = models.TextField(default="")

    class Projection:
        key = "customer"
        events = Count("orders.*")
        placed = Count(Placed)
        last_event = Max("orders.*", "position")

        @on("orders.*")
        def tell(row, event):
            row.story += f"{type(event).__name__} "


class Stock(ReadModel):
    """A key that each event type has in its own way."""

    sku = models.CharField(max_length=20, primary_key=True)
    units = models.IntegerField(default=0)
    lines = models.IntegerField(default=0)

    class Projection:
        key = "sku"
        sku = KeyOf((Placed, Each("lines", "sku")), (Stocked, "article"))
        units = Sum((Stocked, "units"), (Placed, Each("lines", "units"), -1))
        lines = Count(Placed)


class LiveSku(ReadModel):
    """Folded when a query asks."""

    sku = models.CharField(max_length=20, primary_key=True)
    units = models.IntegerField(default=0)

    class Projection:
        lifecycle = "live"
        key = "sku"
        sku = Each("lines", "sku")
        units = Sum(Placed, Each("lines", "units"))


class LiveTotals(ReadModel):
    events = models.IntegerField(default=0)
    streams = models.IntegerField(default=0)

    class Projection:
        lifecycle = "live"
        key = ()
        events = Count("orders.*")
        streams = Count("orders.*", filter=Q(stream__isnull=False))
