"""The same rows three times: kept by appends, by a follower, and by nobody."""

from django.db import models

from eventfold.django import Count, Latest, Max, ReadModel, Sum, on
from tests.django.sales.events import Returned, Sold, Withdrawn


class Item(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    earned = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    last_buyer = models.CharField(max_length=20, null=True)
    last_sold = models.BigIntegerField(null=True)
    buyers = models.JSONField(default=dict)

    class Meta:
        abstract = True


def count_the_buyer(row, event):
    if event.buyer == "nobody":
        raise ValueError("nobody buys nothing")
    row.buyers[event.buyer] = row.buyers.get(event.buyer, 0) + 1


class InlineItem(Item):
    class Projection:
        key = "item"
        sold = Count(Sold)
        earned = Sum(Sold, "price")
        last_buyer = Latest(Sold, "buyer", cleared_by=Returned)
        last_sold = Max(Sold, "position")
        delete_on = Withdrawn
        count_the_buyer = on(Sold)(count_the_buyer)


class AsyncItem(Item):
    class Projection:
        lifecycle = "async"
        key = "item"
        sold = Count(Sold)
        earned = Sum(Sold, "price")
        last_buyer = Latest(Sold, "buyer", cleared_by=Returned)
        last_sold = Max(Sold, "position")
        delete_on = Withdrawn
        count_the_buyer = on(Sold)(count_the_buyer)


class LiveItem(Item):
    class Projection:
        lifecycle = "live"
        key = "item"
        sold = Count(Sold)
        earned = Sum(Sold, "price")
        last_buyer = Latest(Sold, "buyer", cleared_by=Returned)
        last_sold = Max(Sold, "position")
        delete_on = Withdrawn
        count_the_buyer = on(Sold)(count_the_buyer)


class InlineShop(ReadModel):
    key = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=20, null=True)
    renamed = models.IntegerField(default=0)

    class Projection:
        key = "key"
        name = Latest(("sales.ShopCreated", "new_name"), ("sales.ShopChanged", "new_name"))
        renamed = Count("sales.ShopChanged")
        delete_on = "sales.ShopDeleted"


class AsyncShop(ReadModel):
    key = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=20, null=True)
    renamed = models.IntegerField(default=0)

    class Projection:
        lifecycle = "async"
        key = "key"
        name = Latest(("sales.ShopCreated", "new_name"), ("sales.ShopChanged", "new_name"))
        renamed = Count("sales.ShopChanged")
        delete_on = "sales.ShopDeleted"


class LiveShop(ReadModel):
    key = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=20, null=True)
    renamed = models.IntegerField(default=0)

    class Projection:
        lifecycle = "live"
        key = "key"
        name = Latest(("sales.ShopCreated", "new_name"), ("sales.ShopChanged", "new_name"))
        renamed = Count("sales.ShopChanged")
        delete_on = "sales.ShopDeleted"
