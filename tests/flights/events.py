"""What happens to a flight. Nulls are those of the table: a cancelled one may have no aircraft, a diverted no delay."""

from django.db import models

from eventfold.django import Event


class FlightEvent(Event):
    flight = models.BigIntegerField()  # the row of the table, from 1
    carrier = models.CharField(max_length=2)
    tailnum = models.CharField(max_length=6, null=True)
    origin = models.CharField(max_length=3)
    dest = models.CharField(max_length=3)
    day = models.DateField()  # in New York
    at = models.DateTimeField()

    class Meta:
        abstract = True

    class Stream:
        name = "flight-{flight}"


class FlightScheduled(FlightEvent):
    number = models.PositiveIntegerField()
    departure = models.DateTimeField()


class FlightDeparted(FlightEvent):
    delay = models.IntegerField()  # minutes


class FlightArrived(FlightEvent):
    delay = models.IntegerField(null=True)
    air_hours = models.FloatField(null=True)
    distance = models.PositiveIntegerField()  # miles


class FlightCancelled(FlightEvent):
    pass
