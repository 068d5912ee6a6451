from django.db import models

from eventfold.django import Count, First, Latest, Max, Min, ReadModel, Sum, on
from tests.flights.events import FlightArrived, FlightCancelled, FlightDeparted, FlightScheduled


class Carrier(ReadModel):
    carrier = models.CharField(max_length=2, primary_key=True)
    scheduled = models.PositiveIntegerField(default=0)
    departed = models.PositiveIntegerField(default=0)
    arrived = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    miles = models.PositiveBigIntegerField(default=0)
    air_hours = models.FloatField(default=0)
    departure_delay = models.BigIntegerField(default=0)
    arrival_delay = models.BigIntegerField(default=0)
    least_arrival_delay = models.IntegerField(null=True)
    greatest_arrival_delay = models.IntegerField(null=True)

    class Projection:
        key = "carrier"
        scheduled = Count(FlightScheduled)
        departed = Count(FlightDeparted)
        arrived = Count(FlightArrived)
        cancelled = Count(FlightCancelled)
        miles = Sum(FlightArrived, "distance")
        air_hours = Sum(FlightArrived, "air_hours")
        departure_delay = Sum(FlightDeparted, "delay")
        arrival_delay = Sum(FlightArrived, "delay")
        least_arrival_delay = Min(FlightArrived, "delay")
        greatest_arrival_delay = Max(FlightArrived, "delay")


class Aircraft(ReadModel):
    tailnum = models.CharField(max_length=6, primary_key=True)
    flights = models.PositiveIntegerField(default=0)
    first_airport = models.CharField(max_length=3, null=True)
    last_airport = models.CharField(max_length=3, null=True)
    last_arrival = models.DateTimeField(null=True)
    flying = models.BigIntegerField(null=True)

    class Projection:
        key = "tailnum"
        flights = Count(FlightDeparted)
        first_airport = First(FlightDeparted, "origin")
        last_airport = Latest(FlightArrived, "dest")
        last_arrival = Latest(FlightArrived, "at")
        flying = Latest(FlightDeparted, "flight", cleared_by=FlightArrived)


class RouteDay(ReadModel):
    origin = models.CharField(max_length=3)
    dest = models.CharField(max_length=3)
    day = models.DateField()
    scheduled = models.PositiveIntegerField(default=0)
    departed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    departure_delay = models.IntegerField(default=0)
    least_departure_delay = models.IntegerField(null=True)
    greatest_departure_delay = models.IntegerField(null=True)
    arrival_delay = models.IntegerField(default=0)
    least_arrival_delay = models.IntegerField(null=True)
    greatest_arrival_delay = models.IntegerField(null=True)
    latest_arrival_delay = models.IntegerField(null=True)
    first_departure = models.DateTimeField(null=True)
    last_arrival = models.DateTimeField(null=True)
    first_tailnum = models.CharField(max_length=6, null=True)
    latest_tailnum = models.CharField(max_length=6, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "dest", "day"], name="routeday_key")]

    class Projection:
        key = ("origin", "dest", "day")
        scheduled = Count(FlightScheduled)
        departed = Count(FlightDeparted)
        cancelled = Count(FlightCancelled)
        departure_delay = Sum(FlightDeparted, "delay")
        least_departure_delay = Min(FlightDeparted, "delay")
        greatest_departure_delay = Max(FlightDeparted, "delay")
        arrival_delay = Sum(FlightArrived, "delay")
        least_arrival_delay = Min(FlightArrived, "delay")
        greatest_arrival_delay = Max(FlightArrived, "delay")
        latest_arrival_delay = Latest(FlightArrived, "delay")
        first_departure = Min(FlightDeparted, "at")
        last_arrival = Max(FlightArrived, "at")
        first_tailnum = First(FlightScheduled, "tailnum")
        latest_tailnum = Latest(FlightScheduled, "tailnum")


class Airborne(ReadModel):
    """Flights that have departed and not arrived: at the end, those of which the table says no more."""

    flight = models.BigIntegerField(primary_key=True)
    tailnum = models.CharField(max_length=6, null=True)
    since = models.DateTimeField(null=True)

    class Projection:
        key = "flight"
        tailnum = Latest(FlightDeparted, "tailnum")
        since = Latest(FlightDeparted, "at")
        delete_on = FlightArrived


class Reliability(ReadModel):
    """The longest run of cancellations of a carrier without a departure in between.

    The run is counted natively. That the longest is kept is a rule that needs Python, and sees the count of its event.
    """

    carrier = models.CharField(max_length=2, primary_key=True)
    cancelled = models.PositiveIntegerField(default=0)
    run = models.PositiveIntegerField(default=0)
    longest_run = models.PositiveIntegerField(default=0)

    class Projection:
        key = "carrier"
        cancelled = Count(FlightCancelled)
        run = Count(FlightCancelled, cleared_by=FlightDeparted)

        @on(FlightCancelled)
        def missed(row, event):
            row.longest_run = max(row.longest_run, row.run)
