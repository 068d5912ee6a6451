"""What a type without indexed fields pays for fifty other types that have one each."""

from pathlib import Path

from benchmarks.append import append_to
from benchmarks.django_project.start import settle, start
from benchmarks.logs import copy_log, small_events
from benchmarks.logs import settle as settle_file
from benchmarks.measure import Row, Scale, race, within
from eventfold import EventLog, NewEvent

EVENTS = 100_000
EACH = 2_000
ROUNDS = 7


def run(folder: Path, scale: Scale) -> list[Row]:
    indexed, plain = folder / "indexed.db", folder / "plain.db"
    start(indexed)
    from benchmarks.django_project.wide import events as wide

    each = scale(EACH)
    types = [getattr(wide, f"Wide{number}") for number in range(wide.TYPES)]
    for event_type in types:
        event_type.objects.bulk_create([event_type(code=code) for code in range(each)])
    settle()
    with EventLog(plain) as log:  # the same events, none of them indexed
        for event_type in types:
            log.append([NewEvent(event_type._meta.label, {"code": code}) for code in range(each)])
    settle_file(plain)

    events = small_events(scale(EVENTS))
    beside_indexed, beside_plain = race(
        scale.rounds(ROUNDS),
        lambda: append_to(copy_log(indexed, "ours.db"), events),
        lambda: append_to(copy_log(plain, "peer.db"), events),
    )
    work = "append 100 k while 50 other types have db_index"
    return [within(work, beside_indexed, "none has", beside_plain, 1.1)]
