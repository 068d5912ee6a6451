from django.db import models

from eventfold.django import Event


class Stored(Event):
    shelf = models.CharField(max_length=20)
    row = models.IntegerField()
    title = models.CharField(max_length=100)
    weight = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    length = models.FloatField(null=True)
    acquired = models.DateTimeField(null=True)
    tags = models.JSONField(default=list, blank=True)
    code = models.UUIDField(null=True)


class Taken(Event):
    shelf = models.CharField(max_length=20)
    row = models.IntegerField()
    by = models.CharField(max_length=20)


class Cleared(Event):
    shelf = models.CharField(max_length=20)
    row = models.IntegerField()


class Noted(Event):
    """For a read model that receivers keep by hand."""

    author = models.CharField(max_length=20)
    words = models.IntegerField()
