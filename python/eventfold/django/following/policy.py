"""What becomes of an event that fails: how often it is tried, and what then."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

ON_ERROR = ("stop", "skip")
"""At the last try: stop before the event, or put it into the dead letters and go on."""

_DEFAULTS = {"retries": 5, "on_error": "stop"}


@dataclass(frozen=True)
class Policy:
    """How many times an event is tried, and which of ON_ERROR comes after the last of them."""

    retries: int
    on_error: str


def policy(retries: int | None, on_error: str | None) -> Policy:
    """Return what a projection or a reactor says, and for the rest EVENTFOLD["FOLLOW"]. Raises ImproperlyConfigured."""
    project = _of_project()
    return Policy(
        project["retries"] if retries is None else retries, project["on_error"] if on_error is None else on_error
    )


def check_retries(place: str, value: Any) -> int | None:
    """Return a number of tries, or None. Raises TypeError."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise TypeError(f"{place}: retries is a number of tries from 1 on, not {value!r}")
    return value


def check_on_error(place: str, value: Any) -> str | None:
    """Return what comes after the last try, or None. Raises TypeError."""
    if value is not None and value not in ON_ERROR:
        raise TypeError(f'{place}: on_error is "stop" or "skip", not {value!r}')
    return value  # type: ignore[no-any-return]


def _of_project() -> dict[str, Any]:
    found = getattr(settings, "EVENTFOLD", {}).get("FOLLOW", {})
    place = 'EVENTFOLD["FOLLOW"]'
    if not isinstance(found, dict) or found.keys() - _DEFAULTS.keys():
        raise ImproperlyConfigured(f'{place} is a dict with "retries" and "on_error", or one of them, not {found!r}')
    try:
        check_retries(place, found.get("retries"))
        check_on_error(place, found.get("on_error"))
    except TypeError as error:
        raise ImproperlyConfigured(str(error)) from None
    return _DEFAULTS | {name: value for name, value in found.items() if value is not None}
