from django.db import models

from eventfold.django import Event


class Sold(Event):
    item = models.BigIntegerField()
    price = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    quantity = models.IntegerField(default=1)
    weight = models.FloatField(default=0)
    day = models.DateField(null=True)
    due = models.DateTimeField(null=True)
    label = models.CharField(max_length=20, default="", blank=True)


class Placed(Event):
    """An order; `lines` is a list of {"sku", "units", "cents"}."""

    customer = models.CharField(max_length=20)
    to = models.JSONField(default=dict, blank=True)
    lines = models.JSONField(default=list, blank=True, null=True)

    class Stream:
        name = "customer-{customer}"


class Cancelled(Event):
    customer = models.CharField(max_length=20)

    class Stream:
        name = "customer-{customer}"


class Stocked(Event):
    """What an order's lines call `sku` is `article` here."""

    article = models.CharField(max_length=20)
    units = models.IntegerField()
