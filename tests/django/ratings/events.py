from django.db import models

from eventfold.django import Event


class Rated(Event):
    book = models.IntegerField()
    reader = models.CharField(max_length=50)
    stars = models.IntegerField(null=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    read_on = models.DateField(null=True)
    finished = models.DateTimeField(null=True)
    recommended = models.BooleanField(null=True)
    minutes = models.FloatField(null=True)
    tags = models.JSONField(null=True, blank=True)
    cover = models.BinaryField(null=True)


class Withdrawn(Event):
    book = models.IntegerField()
    reader = models.CharField(max_length=50)
    stars = models.IntegerField(null=True)


class Reopened(Event):
    book = models.IntegerField()


class Pulped(Event):
    book = models.IntegerField()
