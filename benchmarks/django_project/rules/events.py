from django.db import models

from eventfold.django import Event


class Lent(Event):
    book = models.BigIntegerField()
    reader = models.CharField(max_length=100)
    days = models.IntegerField()
