"""Lives through the year: each hour brings its events, those of one class at a time."""

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Any

import pandas as pd
from django.core.management.base import BaseCommand
from django.db import transaction

from eventfold.django import Event
from tests.flights.events import FlightArrived, FlightCancelled, FlightDeparted, FlightScheduled
from tests.flights.table import flights

COMMON = {
    "id": "flight",
    "carrier": "carrier",
    "tailnum": "tailnum",
    "origin": "origin",
    "dest": "dest",
    "day_of_year": "day",
}
# Event class: the column that says when, and the columns that only it needs. Within an hour they come in this order.
CLASSES: dict[type[Event], tuple[str, dict[str, str]]] = {
    FlightScheduled: ("scheduled_at", {"flight": "number", "departure": "departure"}),
    FlightDeparted: ("departed_at", {"dep_delay": "delay"}),
    FlightArrived: ("arrived_at", {"arr_delay": "delay", "air_hours": "air_hours", "distance": "distance"}),
    FlightCancelled: ("cancelled_at", {}),
}


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        table = flights().assign(air_hours=lambda table: table.air_time / 60)
        pending = []
        for rank, (event_class, (when, columns)) in enumerate(CLASSES.items()):
            names = {**COMMON, **columns}
            rows = table[table[when].notna()].sort_values([when, "id"])
            for hour, values in hours(rows, when, names):
                pending.append((hour, rank, event_class, values))
        pending.sort(key=lambda batch: batch[:2])
        with_day = groupby(pending, key=lambda batch: batch[0].floor("D"))
        for _, batches in with_day:
            with transaction.atomic():
                for _, _, event_class, values in batches:
                    event_class.objects.bulk_create([event_class(**row) for row in values])
        self.stdout.write(f"{sum(len(batch[3]) for batch in pending)} events")


def hours(rows: pd.DataFrame, when: str, names: dict[str, str]) -> Iterator[tuple[pd.Timestamp, list[dict[str, Any]]]]:
    """For each hour, the fields of its events, as Python's own values, with None where the table has nothing."""
    columns = {}
    for column, name in [*names.items(), (when, "at")]:
        series = rows[column]
        if series.dtype.kind == "M":
            values = list(series.dt.to_pydatetime())
        elif name == "day":
            values = [date.fromisoformat(value) for value in series.tolist()]
        elif column in ("dep_delay", "arr_delay"):
            values = [None if value != value else int(value) for value in series.tolist()]
        else:
            values = [None if value != value else value for value in series.tolist()]
        columns[name] = values
    fields = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    hour_of = rows[when].dt.floor("h")
    for hour, group in groupby(zip(hour_of, fields, strict=True), key=lambda pair: pair[0]):
        yield hour, [row for _, row in group]
