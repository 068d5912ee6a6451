"""How much memory a replay of 10 M events into 100 k rows takes over the start, and whether it grows with events."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from django.core.management import call_command
from django.db.models import Sum

from benchmarks.django_project.start import start
from benchmarks.measure import Row, Scale, Target
from benchmarks.titles import make_titled_log

EVENTS = 10_000_000
FEWER = 1_000_000
BOOKS = 100_000
LIMIT = 200  # MB
LABEL = "library.BookTitled"


def run(folder: Path, scale: Scale) -> list[Row]:
    if not Path("/proc/self/status").exists():
        print("memory: left out, it is read from Linux's /proc", file=sys.stderr)
        return []
    fewer, most = [replay_in_a_process(folder, events, scale(BOOKS)) for events in (scale(FEWER), scale(EVENTS))]
    target = Target(f"below {LIMIT} MB", most < LIMIT)
    return [Row("memory of a replay of 10 M", [most], "a replay of 1 M", [fewer], target, unit="MB")]


def replay_in_a_process(folder: Path, events: int, books: int) -> float:
    """Return the growth in MB. The log is made in another process, so that what this leaves behind does not count."""
    path = folder / f"memory-{events}.db"
    for step in ("make", "replay"):
        command = [sys.executable, "-m", "benchmarks.memory", step, str(path), str(events), str(books)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return float(done.stdout.splitlines()[-1])


def make(path: Path, events: int, books: int) -> None:
    start(path)
    make_titled_log(path, min(events, FEWER), books, type_name=LABEL)
    grow(path, events)


def grow(path: Path, events: int) -> None:
    """Bring a log up to so many events, by copying those it has: what they say does not matter here."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        head: int = connection.execute("SELECT head FROM eventfold_header").fetchone()[0]
        for start in range(head, events, head):
            connection.execute(
                "INSERT INTO eventfold_event (position, type_id, created, data, event_id) "
                "SELECT position + ?, type_id, created, data, event_id FROM eventfold_event WHERE position <= ?",
                (start, min(head, events - start)),
            )
            connection.commit()
        connection.execute("UPDATE eventfold_header SET head = ?", (events,))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def resident(what: str) -> float:
    """Return VmRSS or VmHWM (its peak) of this process in MB, as Linux counts them."""
    found = re.search(rf"^{what}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found.group(1)) / 1024


def replay(path: Path, events: int, books: int) -> float:
    """Replay in a process that has Django loaded and its connection open; return the peak's growth in MB."""
    start(path)
    from benchmarks.django_project.library.read_models import Catalogue

    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    call_command("events", "replay", "library.Catalogue", verbosity=0)
    growth = resident("VmHWM") - before
    rows, counted = Catalogue.objects.count(), Catalogue.objects.aggregate(Sum("n"))["n__sum"]
    # books are drawn at random, so a few of them may have no event
    assert counted == events and 0.99 * books < rows <= books, f"{rows} rows that count {counted} events"
    return growth


if __name__ == "__main__":
    step, path, events, books = sys.argv[1:]
    steps = {"make": make, "replay": replay}
    print(steps[step](Path(path), int(events), int(books)))
