"""Middleware: every event that a request leads to knows the request, and whoever has written sees it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from eventfold.django.metadata_context import found_when_needed
from eventfold.django.own_writes import ReadYourWritesMiddleware as ReadYourWritesMiddleware

_LONGEST = 200  # of what a client says


class MetadataMiddleware:
    """Records `user`, `request_id` and `path` with the events that a request leads to, of triggers too.

    Add "eventfold.django.middleware.MetadataMiddleware" to MIDDLEWARE, anywhere. The user is the name of whoever is
    logged in when the event is recorded, and is looked up only then; there is none where nobody is. The request's id is
    that of the header X-Request-ID, or a new one. Works for synchronous and asynchronous views.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._asynchronously(request)
        with found_when_needed(_finder(request)):
            response: HttpResponseBase = self.get_response(request)
            return response

    async def _asynchronously(self, request: HttpRequest) -> HttpResponseBase:
        with found_when_needed(_finder(request)):
            response: HttpResponseBase = await self.get_response(request)
            return response


def _finder(request: HttpRequest) -> Callable[[], dict[str, Any]]:
    request_id = _recordable(request.headers.get("X-Request-ID", "")) or uuid4().hex
    path = _recordable(request.path)

    def find() -> dict[str, Any]:
        user: Any = getattr(request, "user", None)
        # a name need not be a text: USERNAME_FIELD may be a UUID
        found = {"user": _sayable(str(user.get_username()))} if user is not None and user.is_authenticated else {}
        return {**found, "request_id": request_id, "path": path}

    return find


def _recordable(text: str) -> str:
    return _sayable(text[:_LONGEST])


def _sayable(text: str) -> str:
    """What a client says must not make a save fail."""
    return text.replace("\0", "").encode(errors="replace").decode()
