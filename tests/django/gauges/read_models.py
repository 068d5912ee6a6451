from django.db import models

from eventfold.django import Latest, ReadModel
from tests.django.gauges.events import Measured


class Gauge(ReadModel):
    """A column of each kind."""

    gauge = models.IntegerField(primary_key=True)
    text = models.CharField(max_length=20, null=True)
    integer = models.BigIntegerField(null=True)
    real = models.FloatField(null=True)
    boolean = models.BooleanField(null=True)
    decimal = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    date = models.DateField(null=True)
    time = models.TimeField(null=True)
    moment = models.DateTimeField(null=True)
    duration = models.DurationField(null=True)
    uuid = models.UUIDField(null=True)
    tree = models.JSONField(null=True)
    raw = models.BinaryField(null=True)
    named_otherwise = models.CharField(max_length=20, null=True, db_column="another name")

    class Projection:
        key = "gauge"
        text = Latest(Measured, "text")
        integer = Latest(Measured, "integer")
        real = Latest(Measured, "real")
        boolean = Latest(Measured, "boolean")
        decimal = Latest(Measured, "decimal")
        date = Latest(Measured, "date")
        time = Latest(Measured, "time")
        moment = Latest(Measured, "moment")
        duration = Latest(Measured, "duration")
        uuid = Latest(Measured, "uuid")
        tree = Latest(Measured, "tree")
        raw = Latest(Measured, "raw")
        named_otherwise = Latest(Measured, "text")
