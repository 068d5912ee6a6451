"""From the commit of an event to the commit of the row that follows from it, in another process.

This process commits 1,000 events a second, each in a transaction of its own, and between them looks how far the other
one has come: the latency of an event is the time from its commit to the first look that finds it seen.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.django_project.start import settle, start
from benchmarks.logs import SEED
from benchmarks.measure import Row, Scale, Target, compare

EVENTS = 60_000
A_SECOND = 1_000
PAGES = 1_000
ROUNDS = 2
MOST_MILLISECONDS = 20.0


def run(folder: Path, scale: Scale) -> list[Row]:
    start(folder / "follow.db")
    from django.db import connection

    from benchmarks.django_project.feed.events import PageSeen
    from benchmarks.django_project.feed.models import Request, RequestCount, Seen
    from benchmarks.django_project.feed.read_models import PageCount

    Seen.objects.create(pk=1)
    raw = connection.connection

    def position() -> int:
        sql = "SELECT position FROM eventfold_read_model WHERE name = 'feed.PageCount'"
        return int(raw.execute(sql).fetchone()[0])

    def seen() -> int:
        return int(raw.execute("SELECT request FROM feed_seen").fetchone()[0])

    events = scale(EVENTS)
    follower = [sys.executable, "-u", "-m", "django", "events", "follow"]
    worker = [sys.executable, "-m", "benchmarks.django_project.feed.worker"]
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    for _ in range(scale.rounds(ROUNDS)):
        ours.append(_latencies(follower, lambda page: PageSeen.objects.create(page=page).position, position, events))
        theirs.append(_latencies(worker, lambda page: Request.objects.create(page=page).pk, seen, events))
    # no loss, and nothing twice
    assert dict(PageCount.objects.values_list("page", "n")) == dict(RequestCount.objects.values_list("page", "n"))
    peer = "ORM, a look each 10 ms"
    p99 = [_percentile(each, 99) for each in ours]
    return [
        compare(
            "commit to visible, 1,000 events/s, p50",
            [statistics.median(each) for each in ours],
            peer,
            [statistics.median(each) for each in theirs],
            unit="ms",
        ),
        Row(
            "commit to visible, 1,000 events/s, p99",
            p99,
            peer,
            [_percentile(each, 99) for each in theirs],
            Target(f"at most {MOST_MILLISECONDS:g} ms", min(p99) <= MOST_MILLISECONDS),
            unit="ms",
        ),
    ]


def _latencies(command: list[str], create: Callable[[int], int], seen: Callable[[], int], events: int) -> list[float]:
    """Milliseconds of each event."""
    settle()
    draw = random.Random(SEED)
    waiting: list[tuple[int, float]] = []
    found: list[float] = []

    def look() -> None:
        last, now = seen(), time.perf_counter()
        while waiting and waiting[0][0] <= last:
            found.append((now - waiting.pop(0)[1]) * 1000)

    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
        time.sleep(0.5)
        next_event = time.perf_counter()
        for _ in range(events):
            number = create(draw.randrange(PAGES))
            waiting.append((number, time.perf_counter()))
            next_event += 1 / A_SECOND
            look()
            while time.perf_counter() < next_event:
                time.sleep(0.0002)
                look()
        while waiting:
            time.sleep(0.0002)
            look()
    finally:
        process.terminate()
        process.wait(timeout=60)
    return found


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
