"""Programs of steps, of which some are taken back."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction


class _Undo(Exception):
    pass


def run_atomic(kept: bool, steps: Iterable[Any], run: Callable[[Any], list[Any] | None]) -> list[Any]:
    """Run steps in one atomic(), which is taken back unless it is `kept`; return what they return that stays."""
    done: list[Any] = []
    try:
        with transaction.atomic():
            for step in steps:
                done += run(step) or []
            if not kept:
                raise _Undo
    except _Undo:
        return []
    return done
