"""What pandas makes of the table: for each read model, its rows, as the database stores them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tests.flights.table import flights

KEYS = {
    "carrier": ["carrier"],
    "aircraft": ["tailnum"],
    "routeday": ["origin", "dest", "day"],
    "airborne": ["flight"],
    "reliability": ["carrier"],
}


def carrier() -> pd.DataFrame:
    table = flights()
    by = table.groupby("carrier")
    landed = table[table.arr_time.notna()].sort_values(["arrived_at", "id"])
    return pd.DataFrame(
        {
            "scheduled": by.size(),
            "departed": by.dep_time.count(),
            "arrived": by.arr_time.count(),
            "cancelled": by.dep_time.agg(lambda times: times.isna().sum()),
            "miles": landed.groupby("carrier").distance.sum(),
            # Added one after the other, as a log is read: pandas' own sum rounds otherwise.
            "air_hours": landed.groupby("carrier").air_time.agg(lambda minutes: in_order(minutes.dropna() / 60)),
            "departure_delay": by.dep_delay.sum(),
            "arrival_delay": by.arr_delay.sum(),
            "least_arrival_delay": by.arr_delay.min(),
            "greatest_arrival_delay": by.arr_delay.max(),
        }
    )


def aircraft() -> pd.DataFrame:
    table = flights()
    took_off = table[table.dep_time.notna()].sort_values(["departed_at", "id"]).groupby("tailnum")
    landed = table[table.arr_time.notna()].sort_values(["arrived_at", "id"]).groupby("tailnum")
    steps = moves(departed="dep_time", arrived="arr_time").groupby("tailnum").tail(1).set_index("tailnum")
    return pd.DataFrame(
        {
            "flights": took_off.size(),
            "first_airport": took_off.origin.first(),
            "last_airport": landed.dest.last(),
            "last_arrival": stored(landed.arrived_at.last()),
            "flying": steps.id.where(steps.move == "departed"),
        }
    )


def routeday() -> pd.DataFrame:
    table = flights().rename(columns={"day": "day_of_month", "day_of_year": "day"})
    key = KEYS["routeday"]
    by = table.groupby(key)
    landed = table[table.arr_time.notna()].sort_values(["arrived_at", "id"])
    planned = table.sort_values(["scheduled_at", "id"])
    return pd.DataFrame(
        {
            "scheduled": by.size(),
            "departed": by.dep_time.count(),
            "cancelled": by.size() - by.dep_time.count(),
            "departure_delay": by.dep_delay.sum(),
            "least_departure_delay": by.dep_delay.min(),
            "greatest_departure_delay": by.dep_delay.max(),
            "arrival_delay": by.arr_delay.sum(),
            "least_arrival_delay": by.arr_delay.min(),
            "greatest_arrival_delay": by.arr_delay.max(),
            # tail(1), since last() leaves out nulls
            "latest_arrival_delay": landed.groupby(key).tail(1).set_index(key).arr_delay,
            "first_departure": stored(by.departed_at.min()),
            "last_arrival": stored(by.arrived_at.max()),
            "first_tailnum": planned.groupby(key).tailnum.first(),
            "latest_tailnum": planned.groupby(key).tail(1).set_index(key).tailnum,
        }
    )


def airborne() -> pd.DataFrame:
    table = flights()
    lost = table[table.dep_time.notna() & table.arr_time.isna()].rename(columns={"flight": "number", "id": "flight"})
    lost = lost.set_index("flight")
    return pd.DataFrame({"tailnum": lost.tailnum, "since": stored(lost.departed_at)})


def reliability() -> pd.DataFrame:
    steps = moves(departed="dep_time", cancelled=None)
    steps["missed"] = (steps.move == "cancelled").astype(int)
    # Each departure begins a run, which holds the cancellations after it.
    steps["number"] = (steps.move == "departed").groupby(steps.carrier).cumsum()
    runs = steps.groupby(["carrier", "number"]).missed.sum().reset_index().groupby("carrier").missed
    rows = {"cancelled": steps.groupby("carrier").missed.sum(), "run": runs.last(), "longest_run": runs.max()}
    return pd.DataFrame(rows).query("cancelled > 0")  # a departure alone makes no row


def moves(**columns: str | None) -> pd.DataFrame:
    """Rows of several kinds of event in the order of the log: by hour, then by kind, then by moment."""
    table = flights()
    parts = []
    for rank, move in enumerate(columns):
        rows = table[table[f"{move}_at"].notna()]
        parts.append(rows.assign(move=move, rank=rank, at=rows[f"{move}_at"], hour_of=rows[f"{move}_at"].dt.floor("h")))
    return pd.concat(parts).sort_values(["hour_of", "rank", "at", "id"])


def stored(moments: pd.Series) -> pd.Series:
    """Moments as Django's SQLite columns hold them."""
    return moments.dt.strftime("%Y-%m-%d %H:%M:%S")


def in_order(numbers: pd.Series) -> float:
    return float(np.add.accumulate(numbers.to_numpy(dtype=float))[-1])


READ_MODELS: dict[str, Callable[[], pd.DataFrame]] = {
    "carrier": carrier,
    "aircraft": aircraft,
    "routeday": routeday,
    "airborne": airborne,
    "reliability": reliability,
}


def rows(frame: pd.DataFrame, key: list[str]) -> dict[Any, tuple[Any, ...]]:
    """A frame that is indexed by its key as {key: row}, of Python's own values: int where whole, None for any null."""
    frame = frame.reset_index()
    columns = [column for column in frame.columns if column not in key]
    values = {column: [plain(value) for value in frame[column].tolist()] for column in [*key, *columns]}
    keys = zip(*(values[column] for column in key), strict=True)
    return dict(zip(keys, zip(*(values[column] for column in columns), strict=True), strict=True))


def plain(value: Any) -> Any:
    if value is None or value != value or value is pd.NaT:
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value
