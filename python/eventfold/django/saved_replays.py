"""What a long replay saves on its way, so that the next one goes on from there if it is killed."""

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import django
from django.conf import settings

import eventfold

SECONDS = 10.0
"""How long a replay works between two times that it saves what it has."""


def _say_nothing(model: Any, position: int) -> None:
    pass


@dataclass(frozen=True)
class Saving:
    """How a replay saves on its way: each so many seconds; 0: whenever it can."""

    seconds: float = SECONDS
    anew: bool = False
    """Begin with the first event, whatever is saved."""
    resumes: Callable[[Any, int], None] = _say_nothing
    """Called with a read model whose replay goes on from a position."""


def definition_of(spec: str, code: Iterable[Any]) -> str | None:
    """Return a hash of all that rows depend on beside the log; None if it cannot be told.

    Of functions and classes that is the whole text of their modules, since they may use what else is in there. What
    they import must be the same too, but is not looked at. A hash that is another one for no reason costs a replay from
    the first event.
    """
    digest = sha256(repr((eventfold.__version__, settings.TIME_ZONE, settings.USE_TZ, spec)).encode())
    for module in sorted({str(getattr(each, "__module__", None)) for each in code}):
        try:
            source = inspect.getsource(sys.modules[module])
        except (OSError, TypeError, KeyError):
            return None
        digest.update(repr((module, source, django.VERSION, sys.version_info)).encode())
    return digest.hexdigest()
