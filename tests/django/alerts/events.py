from django.db import models

from eventfold.django import Event


class Rang(Event):
    alert = models.BigIntegerField()
    text = models.CharField(max_length=20)
    minutes = models.IntegerField(default=1)


class Silenced(Event):
    alert = models.BigIntegerField()


class Checked(Event):
    """No read model reads it."""

    line = models.CharField(max_length=20)


class Closed(Event):
    alert = models.BigIntegerField()


class Told(Event):
    alert = models.BigIntegerField()
    text = models.CharField(max_length=20)
    minutes = models.IntegerField(default=1)


class Hushed(Event):
    alert = models.BigIntegerField()


class Paged(Event):
    """It concerns several alerts."""

    alerts = models.JSONField(blank=True)
    text = models.CharField(max_length=20)
    size = models.BigIntegerField(default=0)
