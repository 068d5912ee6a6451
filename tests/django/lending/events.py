from django.db import models

from eventfold.django import Event


class Lent(Event):
    book = models.BigIntegerField()
    branch = models.CharField(max_length=20)
    member = models.CharField(max_length=20, null=True)
    fee = models.DecimalField(max_digits=6, decimal_places=2, null=True)


class Sold(Event):
    book = models.BigIntegerField()
    branch = models.CharField(max_length=20)
    buyer = models.CharField(max_length=20)


class Counted(Event):
    """The library begins to count anew."""

    book = models.BigIntegerField()
    branch = models.CharField(max_length=20)


class Scrapped(Event):
    book = models.BigIntegerField()
    branch = models.CharField(max_length=20)


class Joined(Event):
    member = models.CharField(max_length=20)
    city = models.CharField(max_length=20, null=True)


class Moved(Event):
    member = models.CharField(max_length=20)
    city = models.CharField(max_length=20, null=True)
    fee = models.DecimalField(max_digits=6, decimal_places=2, null=True)


class Left(Event):
    member = models.CharField(max_length=20)
