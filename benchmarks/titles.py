"""Events that say a book's title, of a given width, for folds into {book: (count, latest title)}."""

import random
from collections.abc import Iterator
from pathlib import Path

from benchmarks.logs import BATCH, SEED, settle
from eventfold import EventLog, NewEvent

TYPE = "Titled"
WIDTHS = {43: 0, 200: 70, 600: 270}  # bytes of JSON: how many of them are in each of two fields that no fold wants


def titled(count: int, books: int, padding: int, type_name: str = TYPE) -> Iterator[NewEvent]:
    """Yield events; each has a title of its own, so that only the right order gives the right latest one."""
    draw = random.Random(SEED)
    filler = {"shelf": "s" * padding, "note": "n" * padding} if padding else {}
    shelf, note = list(filler.items())[:1], list(filler.items())[1:]
    for index in range(count):
        book = draw.randrange(books)
        yield NewEvent(type_name, dict([("book", book), *shelf, ("title", f"title no. {index:09d}"), *note]))


def make_titled_log(path: Path, count: int, books: int, padding: int = 0, type_name: str = TYPE) -> Path:
    """Append them to a log file, made if there is none."""
    with EventLog(path) as log:
        batch: list[NewEvent] = []
        for event in titled(count, books, padding, type_name):
            batch.append(event)
            if len(batch) == BATCH:
                log.append(batch)
                batch = []
        log.append(batch)
    settle(path)
    return path
