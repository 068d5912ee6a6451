"""Whoever has just written sees it: the next request waits until the async read models have."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections, router
from django.http import HttpRequest, HttpResponseBase

from eventfold.django.following.checkpoints import run
from eventfold.django.following.waiting import NotYetFollowed, has_passed, has_seen
from eventfold.django.read_model_state import is_async
from eventfold.django.registry import projected_models
from eventfold.errors import LogLocked

_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
_SALT = "eventfold.own_writes"
_FIRST_SLEEP = 0.001
_LONGEST_SLEEP = 0.010
_MAX_AGE = 60  # seconds for which a browser keeps the cookie
_DEFAULTS = {"timeout": 1.0, "cookie": "eventfold_seen"}


class ReadYourWritesMiddleware:
    """Lets the request that follows a POST wait until async read models have seen what the POST recorded.

    Add "eventfold.django.middleware.ReadYourWritesMiddleware" to MIDDLEWARE, as far up as may be: what is above it is
    not waited for. Where a follower is not yet so far when a request other than GET, HEAD, OPTIONS or TRACE ends, a
    signed cookie takes the head of the log along. The next request with it waits, for `timeout` seconds at most, and
    then goes on whatever the rows are. EVENTFOLD["READ_YOUR_WRITES"] may have another `timeout` (1 second) and another
    name of the `cookie` ("eventfold_seen"). Works for synchronous and asynchronous views.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._timeout, self._cookie = _options()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._asynchronously(request)
        wanted = self._wanted(request)
        deadline, sleep = time.monotonic() + self._timeout, _FIRST_SLEEP
        while wanted and not self._seen(wanted) and time.monotonic() < deadline:
            time.sleep(sleep)
            sleep = min(sleep * 1.5, _LONGEST_SLEEP)
        response: HttpResponseBase = self.get_response(request)
        self._remember(request, response)
        return response

    async def _asynchronously(self, request: HttpRequest) -> HttpResponseBase:
        wanted = self._wanted(request)
        deadline, sleep = time.monotonic() + self._timeout, _FIRST_SLEEP
        seen = sync_to_async(self._seen)
        while wanted and not await seen(wanted) and time.monotonic() < deadline:
            await asyncio.sleep(sleep)
            sleep = min(sleep * 1.5, _LONGEST_SLEEP)
        response: HttpResponseBase = await self.get_response(request)
        await sync_to_async(self._remember)(request, response)
        return response

    @cached_property
    def _models(self) -> list[tuple[Any, str]]:
        return [(model, router.db_for_read(model)) for model in projected_models() if is_async(model)]

    def _wanted(self, request: HttpRequest) -> dict[str, int]:
        """The positions by alias that the cookie has, if it is ours."""
        text = request.get_signed_cookie(self._cookie, default="", salt=_SALT, max_age=_MAX_AGE)
        found = json.loads(text) if text else {}
        return {alias: position for alias, position in found.items() if alias in connections}

    def _seen(self, wanted: dict[str, int]) -> bool:
        """Whether every read model is so far, or never will be without help, of which `events status` knows."""
        seen = True
        for model, alias in self._models:
            if alias in wanted:
                with suppress(NotYetFollowed, OperationalError, LogLocked):
                    connections[alias].ensure_connection()
                    seen = has_seen(min(wanted[alias], _head(alias)), model, alias) and seen
        return seen

    def _remember(self, request: HttpRequest, response: HttpResponseBase) -> None:
        unseen: dict[str, int] = {}
        if request.method not in _SAFE:
            for model, alias in self._models:
                if connections[alias].connection is None:
                    continue  # nobody has written
                with suppress(NotYetFollowed, OperationalError, LogLocked):
                    head = _head(alias)
                    if not has_passed(head, model, alias):
                        unseen[alias] = head
        path, domain = settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN
        if unseen:
            response.set_signed_cookie(
                self._cookie,
                json.dumps(unseen),
                salt=_SALT,
                max_age=_MAX_AGE,
                path=path,
                domain=domain,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        elif request.COOKIES.get(self._cookie):
            response.delete_cookie(self._cookie, path=path, domain=domain, samesite="Lax")


def _head(alias: str) -> int:
    return int(run(connections[alias], "SELECT head FROM eventfold_head")[0][0])


def _options() -> tuple[float, str]:
    found = getattr(settings, "EVENTFOLD", {}).get("READ_YOUR_WRITES", {})
    place = 'EVENTFOLD["READ_YOUR_WRITES"]'
    if not isinstance(found, dict) or found.keys() - _DEFAULTS.keys():
        raise ImproperlyConfigured(f'{place} is a dict with "timeout" and "cookie", or one of them, not {found!r}')
    options: dict[str, Any] = {**_DEFAULTS, **found}
    timeout, cookie = options["timeout"], options["cookie"]
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout < 0:
        raise ImproperlyConfigured(f"{place}: timeout is a number of seconds, not {timeout!r}")
    if not isinstance(cookie, str) or not cookie:
        raise ImproperlyConfigured(f"{place}: cookie is the name of a cookie, not {cookie!r}")
    return float(timeout), cookie
