"""A year of real flights: every read model equals what pandas computes from the same table, row by row."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flights import expected
from tests.flights.table import flights

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def manage(database: Path, *arguments: str) -> str:
    """Run a command of the project of this folder."""
    environment = {**os.environ, "FLIGHTS_DATABASE": str(database), "DJANGO_SETTINGS_MODULE": "tests.flights.settings"}
    command = [sys.executable, "-m", "django", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """The database after every event was appended and folded, in the order in which it happened."""
    database = tmp_path_factory.mktemp("flights") / "lived.sqlite3"
    manage(database, "migrate", "--verbosity", "0")
    manage(database, "live")
    return database


@pytest.fixture(scope="module")
def replayed(lived):
    """The same log, its read models ruined and then replayed."""
    database = lived.with_name("replayed.sqlite3")
    shutil.copy(lived, database)
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM flights_carrier")
        connection.execute("DELETE FROM flights_aircraft WHERE flights % 2")
        connection.execute(
            "UPDATE flights_routeday SET departed = departed + 1, latest_tailnum = NULL WHERE id % 3 = 0"
        )
        connection.execute("DELETE FROM flights_routeday WHERE id % 3 = 1")
        connection.execute("INSERT INTO flights_airborne (flight, tailnum) VALUES (-1, 'ghost')")
        connection.execute("UPDATE flights_reliability SET run = 99, longest_run = 99")
    connection.close()
    manage(database, "events", "replay")
    return database


def read_model(database: Path, name: str) -> dict:
    connection = sqlite3.connect(database)
    try:
        cursor = connection.execute(f"SELECT * FROM flights_{name}")
        columns = [column[0] for column in cursor.description]
        wanted = [*expected.KEYS[name], *expected.READ_MODELS[name]().columns]
        places = [columns.index(column) for column in wanted]
        size = len(expected.KEYS[name])
        records = [tuple(row[place] for place in places) for row in cursor]
    finally:
        connection.close()
    found = {row[:size]: row[size:] for row in records}
    assert len(found) == len(records), "two rows have one key"
    return found


def test_the_table_is_the_one_that_everybody_knows():
    table = flights()
    assert len(table) == 336_776
    assert table.dep_time.isna().sum() == 8_255
    assert table.arr_delay.isna().sum() == 9_430


def test_each_flight_became_its_events(lived):
    table = flights()
    connection = sqlite3.connect(lived)
    by_type = "SELECT name, count(*) FROM eventfold_event JOIN eventfold_type t ON t.id = type_id GROUP BY name"
    counts = dict(connection.execute(by_type))
    connection.close()
    assert counts == {
        "flights.FlightScheduled": len(table),
        "flights.FlightDeparted": table.dep_time.notna().sum(),
        "flights.FlightArrived": table.arr_time.notna().sum(),
        "flights.FlightCancelled": table.dep_time.isna().sum(),
    }


@pytest.mark.parametrize("name", expected.READ_MODELS)
@pytest.mark.parametrize("state", ["lived", "replayed"])
def test_a_read_model_equals_what_pandas_computes(state, name, request):
    found = read_model(request.getfixturevalue(state), name)
    wanted = expected.rows(expected.READ_MODELS[name](), expected.KEYS[name])
    assert found.keys() == wanted.keys()
    different = {key: (found[key], wanted[key]) for key in wanted if found[key] != wanted[key]}
    assert not different


def test_the_events_of_an_event_class_are_the_rows_of_the_table(lived):
    """What went in comes out, nulls and all, through the view that Django reads."""
    table = flights()
    landed = table[table.arr_time.notna()].sort_values(["arrived_at", "id"])
    connection = sqlite3.connect(lived)
    columns = "flight, tailnum, origin, dest, day, at, delay, air_hours, distance"
    found = connection.execute(f"SELECT {columns} FROM flights_flightarrived ORDER BY at, flight").fetchall()
    connection.close()
    landed = landed.assign(at=expected.stored(landed.arrived_at), air_hours=landed.air_time / 60)
    names = ["tailnum", "origin", "dest", "day_of_year", "at", "arr_delay", "air_hours", "distance"]
    wanted = expected.rows(landed.set_index("id")[names], ["id"])
    assert [tuple(map(expected.plain, row)) for row in found] == [(*key, *row) for key, row in wanted.items()]


def test_the_stream_of_a_flight_is_its_life(lived):
    flight = int(flights().query("arr_time.notna()").id.iloc[0])
    output = manage(lived, "events", "show", "--stream", f"flight-{flight}")
    order = ["FlightScheduled", "FlightDeparted", "FlightArrived"]
    assert [output.index(name) for name in order] == sorted(output.index(name) for name in order)


def test_the_migrations_of_the_flights_are_complete(tmp_path):
    manage(tmp_path / "empty.sqlite3", "makemigrations", "--check", "--dry-run")
