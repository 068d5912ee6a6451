from django.db import models

from eventfold.django import Event


class Measured(Event):
    """A field of each kind."""

    gauge = models.IntegerField()
    text = models.CharField(max_length=20)
    integer = models.BigIntegerField()
    real = models.FloatField()
    boolean = models.BooleanField()
    decimal = models.DecimalField(max_digits=10, decimal_places=2)
    date = models.DateField()
    time = models.TimeField()
    moment = models.DateTimeField()
    duration = models.DurationField()
    uuid = models.UUIDField()
    tree = models.JSONField()
    raw = models.BinaryField()
