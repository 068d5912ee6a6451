"""A line that shows how far a long command has come: redrawn on a terminal, a plain line now and then in a pipe."""

import time
from shutil import get_terminal_size
from typing import Any

_BAR = 24
_CLEAR = "\r\x1b[K"
_PAUSE_IN_PIPE = 5.0  # seconds


class ProgressLine:
    """`update` may be called often; nothing is written with `quiet`."""

    def __init__(self, stream: Any, label: str, *, quiet: bool, unit: str = "events") -> None:
        self._stream = stream
        self._label = label
        self._quiet = quiet
        self._unit = unit
        self._terminal = bool(getattr(stream, "isatty", lambda: False)())
        self._full, self._empty = _characters(stream)
        self._started = self._shown = time.monotonic()
        self._drawn = False
        self._before = 0

    def begin_at(self, done: int) -> None:
        """Say that so much had been done before, which took none of the time."""
        self._before = done

    def update(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        now = time.monotonic()
        if self._quiet or (not self._terminal and now - self._shown < _PAUSE_IN_PIPE):
            return
        self._shown = now
        rate = (done - self._before) / max(now - self._started, 1e-9)
        unit = self._unit
        text = f"{self._label}: {done:,} of {total:,} {unit}, {rate:,.0f} {unit}/s, {_left(done, total, rate)} left"
        if self._terminal:
            full = round(_BAR * done / max(total, 1))
            line = f"[{self._full * full}{self._empty * (_BAR - full)}] {text}"
            width = get_terminal_size().columns - 1  # a line that wraps cannot be redrawn
            self._stream.write(f"{_CLEAR}{line[:width]}", ending="")
            self._stream.flush()
            self._drawn = True
        else:
            self._stream.write(text)

    def end(self) -> None:
        """Leave the terminal's line empty."""
        if self._drawn:
            self._stream.write(_CLEAR, ending="")
            self._stream.flush()
            self._drawn = False


def _left(done: int, total: int, rate: float) -> str:
    seconds = (total - done) / rate if rate > 0 else 0.0
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def _characters(stream: Any) -> tuple[str, str]:
    try:
        "█·".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return "#", "."
    return "█", "·"
