"""Tables on a terminal: names on the left, figures on the right, a line as soon as it is known."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NAME = 58


class Timing:
    """How long something took, in seconds, and for how many events."""

    def __init__(self, events: int) -> None:
        self.events = events
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time of the block; may be used again and again."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started

    @property
    def each(self) -> float:
        """Microseconds an event."""
        return self.seconds / self.events * 1e6


class Report:
    def __init__(self, stdout: Any, style: Any) -> None:
        self._stdout = stdout
        self._style = style

    def say(self, text: str = "") -> None:
        self._stdout.write(text)
        self._stdout.flush()

    def head(self, title: str, *columns: str) -> None:
        self.say()
        self.say(self._style.MIGRATE_HEADING(_row(title, columns)))

    def timed(self, name: str, timing: Timing) -> None:
        """A line under `head(title, "events", "seconds", "µs each", "events/s")`."""
        rate = timing.events / timing.seconds
        self.say(
            _row(f"  {name}", [f"{timing.events:,}", f"{timing.seconds:.2f}", f"{timing.each:.2f}", f"{rate:,.0f}"])
        )

    def compared(self, name: str, ours: Timing, theirs: Timing) -> None:
        """A line under `head(title, "eventfold", "plain Django", "ratio")`, in microseconds an event."""
        self.say(_row(f"  {name}", [f"{ours.each:.2f}", f"{theirs.each:.2f}", f"{theirs.each / ours.each:.1f}×"]))


def _row(name: str, cells: Any) -> str:
    return f"{name:<{_NAME}}" + "".join(f"{cell:>13}" for cell in cells)
