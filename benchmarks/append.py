"""EventLog.append of 100 k small events in one transaction, beside the same INSERTs in C."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.c_peer import CPeer, write_events
from benchmarks.logs import StreamNames, copy_log, make_log, small_events
from benchmarks.measure import MICRO, Row, Scale, at_rate, compare, race, timed, within
from benchmarks.recorders import by_eventsourcing, by_hand
from eventfold import EventLog, NewEvent

EVENTS = 100_000
LOG = 1_000_000
ROUNDS = 7
SHORT_ROUNDS = 15  # where one takes a fifth of a second
ROWS = 64  # rows an INSERT, as eventfold does it

STREAMS: dict[str, StreamNames] = {
    "no stream": lambda draw: None,
    "1,000 streams": lambda draw: f"book-{draw.randrange(1_000)}",
    "1 M random streams": lambda draw: f"book-{draw.randrange(1_000_000)}",
}


def run(folder: Path, scale: Scale) -> list[Row]:
    peer = CPeer.build(folder)
    rows: list[Row] = []
    for name, streams in STREAMS.items():
        events = small_events(scale(EVENTS), streams)
        write_events(folder / "events.txt", events)
        for log, size in (("empty log", 0), ("log of 1 M", scale(LOG))):
            base = make_log(folder / "base.db", size, streams)
            rounds = scale.rounds(SHORT_ROUNDS if name == "no stream" else ROUNDS)
            row = beside_c(peer, base, events, f"append 100 k, {name}, {log}", rounds)
            if not rows:
                rows.append(at_rate("append 100 k, no stream, empty log", row.ours, row.peer_name, row.peer, 600_000))
            rows.append(row)
            base.unlink()
    return [*rows, *guard(folder, scale), *beside_python(folder, scale)]


def append_to(path: Path, events: list[NewEvent]) -> float:
    """Return microseconds an event."""
    with EventLog(path) as log:
        return timed(lambda: log.append(events), len(events))


def beside_c(peer: CPeer, base: Path, events: list[NewEvent], work: str, rounds: int) -> Row:
    def in_c(rows_an_insert: int) -> Callable[[], float]:
        def measure() -> float:
            seconds = peer.append(copy_log(base, "peer.db"), base.with_name("events.txt"), rows_an_insert)
            return seconds * MICRO / len(events)

        return measure

    ours, same, one_row = race(rounds, lambda: append_to(copy_log(base, "ours.db"), events), in_c(ROWS), in_c(1))
    row = within(work, ours, "same INSERTs in C", same, 1.2)
    return replace(row, note=f"the C program with one row an INSERT: {min(one_row):.3g}")


def guard(folder: Path, scale: Scale) -> list[Row]:
    """What the trigger costs that refuses REPLACE."""
    events = small_events(scale(EVENTS))
    guarded = make_log(folder / "guarded.db")
    bare = make_log(folder / "bare.db")
    with closing(sqlite3.connect(bare)) as connection:
        connection.execute("DROP TRIGGER eventfold_event_no_replace")
    with_guard, without = race(
        scale.rounds(ROUNDS),
        lambda: append_to(copy_log(guarded, "ours.db"), events),
        lambda: append_to(copy_log(bare, "peer.db"), events),
    )
    return [compare("append 100 k, guard against REPLACE", with_guard, "without the guard", without)]


def beside_python(folder: Path, scale: Scale) -> list[Row]:
    base = make_log(folder / "base.db")
    plain = small_events(scale(EVENTS))
    streamed = small_events(scale(EVENTS), STREAMS["1,000 streams"])
    ours, ours_streamed, hand, recorder = race(
        scale.rounds(ROUNDS),
        lambda: append_to(copy_log(base, "ours.db"), plain),
        lambda: append_to(copy_log(base, "ours.db"), streamed),
        lambda: by_hand(folder / "hand.db", plain),
        lambda: by_eventsourcing(folder / "recorder.db", streamed),
    )
    return [
        compare("append 100 k, no stream", ours, "sqlite3 + orjson, table without index", hand),
        compare("append 100 k, 1,000 streams", ours_streamed, "recorder of eventsourcing", recorder),
    ]
