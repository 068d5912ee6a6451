"""The log's events once more, as columns: made, counted, said."""

from functools import partial
from typing import Any

from eventfold import _core
from eventfold.django.gate import native


def seal_next(connection: Any, after: int) -> int | None:
    """Seal the first stretch after a position that is not sealed; return where it ends, or None: too little is left."""
    until: int | None = native(connection, "eventfold: seal", partial(_core.Log.seal_next, after=after))
    return until


def sealed_line(connection: Any, head: int) -> str:
    """Say how much of the log is there as columns."""
    found: dict[str, int] = native(connection, "eventfold: segments", _core.Log.segments)
    if not found["segments"]:
        return f"No columns: {head:,} positions are read as events."
    return (
        f"Columns: {found['positions']:,} of {head:,} positions, in {found['segments']:,} segments of "
        f"{found['bytes'] / 1e6:,.1f} MB in all"
    )
