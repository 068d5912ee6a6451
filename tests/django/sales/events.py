from django.db import models

from eventfold.django import Event


class Sold(Event):
    item = models.BigIntegerField()
    price = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    buyer = models.CharField(max_length=20)


class Returned(Event):
    item = models.BigIntegerField()


class Withdrawn(Event):
    item = models.BigIntegerField()


class Visited(Event):
    """No read model reads it."""

    page = models.CharField(max_length=20)
