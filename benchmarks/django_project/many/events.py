from django.db import models

from eventfold.django import Event


class Lent(Event):
    book = models.BigIntegerField()
    reader = models.BigIntegerField()
    branch = models.CharField(max_length=20)
    fee = models.IntegerField()


class Returned(Event):
    book = models.BigIntegerField()
    reader = models.BigIntegerField()
    branch = models.CharField(max_length=20)


class Rated(Event):
    book = models.BigIntegerField()
    reader = models.BigIntegerField()
    stars = models.IntegerField()
