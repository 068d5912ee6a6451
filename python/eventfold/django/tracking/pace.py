"""How many rows a batch takes and how long the next one waits, so that those who want to write beside it can.

SQLite has one writer, and tells it of nobody who waits: who finds the database locked asks again after 1, 2, 5, 10, 15
and 20 ms. A pause must be long enough for such a question to fall into it. While others write, it is as long as a
batch, so that the fourth question at the latest is answered; while nobody seems to, it is shorter.
"""

from collections import deque

_FIRST = 256
_MOST = 50_000  # rows; a batch is in memory once
_GROWTH = 2.0
_ALONE = 0.015  # seconds that a batch should take
_BESIDE_OTHERS = 0.010
_PAUSE = 1 / 3  # of a batch, while nobody else writes
_REMEMBERED = 200  # batches


class Pace:
    """`rows` is what the next batch should take; `took()` says what one cost, and returns the pause after it."""

    def __init__(self) -> None:
        self.rows = _FIRST
        self._others: deque[bool] = deque(maxlen=_REMEMBERED)

    def took(self, rows: int, seconds: float, *, others_wrote: bool) -> float:
        """Learn from a batch of so many rows; return how long others must be let write, in seconds."""
        self._others.append(others_wrote)
        beside_others = any(self._others)
        wanted = rows * (_BESIDE_OTHERS if beside_others else _ALONE) / max(seconds, 1e-6)
        self.rows = int(min(max(wanted, 1), self.rows * _GROWTH, _MOST))
        return seconds if beside_others else seconds * _PAUSE
