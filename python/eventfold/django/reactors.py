"""Functions for effects, which `manage.py events follow` calls once for each new event, after the commit."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any, TypeVar
from uuid import UUID, uuid5

from asgiref.sync import async_to_sync
from django.db import router

from eventfold.django.declared import declared_model
from eventfold.django.following.policy import check_on_error, check_retries
from eventfold.django.read_models import label_of

_Function = TypeVar("_Function", bound=Callable[..., Any])
_PREFIX = "reactor:"  # no label of a model has a colon
_OFFERED = ("idempotency_key", "using")
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Reactor:
    """A function, and the event types that it is called for."""

    name: str
    function: Callable[..., Any]
    events: tuple[str, ...]
    """Labels, or patterns such as "books.*"."""
    offered: frozenset[str]
    """Which of `idempotency_key` and `using` the function takes."""
    retries: int | None = None
    on_error: str | None = None
    timeout: float = _TIMEOUT

    @property
    def row(self) -> str:
        """Its name in the tables of the log, beside those of read models."""
        return _PREFIX + self.name

    def labels(self) -> list[str]:
        """Return the labels of its event types, those of patterns as classes are now."""
        from eventfold.django.wildcards import labels_like

        return sorted({label for source in self.events for label in labels_like(source)})

    def call(self, event: Any, log_id: str, using: str) -> None:
        """Call the function for an event. Raises what it raises."""
        offers = {"idempotency_key": idempotency_key(log_id, event.position, self.name), "using": using}
        function = async_to_sync(self.function) if iscoroutinefunction(self.function) else self.function
        function(event, **{name: offers[name] for name in self.offered})


_reactors: dict[str, Reactor] = {}


def reactor(
    *events: Any,
    name: str | None = None,
    retries: int | None = None,
    on_error: str | None = None,
    timeout: float = _TIMEOUT,
) -> Callable[[_Function], _Function]:
    """Declare a function for effects outside the database: a mail, a search index, a call of another service.

        @reactor("books.BookBorrowed")
        def remind(event, idempotency_key):
            send_mail(...)

    `manage.py events follow` calls it for each new event of these types, after the commit, in the order of the log, and
    never on a replay; "books.*" stands for all types of an app, "*" for all. New are those that are recorded after
    `migrate` or `events follow` first saw the reactor. It is called at least once: a process that is killed after the
    effect, before it is noted, leaves it to be done again. Whoever must not see it twice is given `idempotency_key`, a
    UUID as text, the same for each try, if the function takes it; `using` is the alias of the database. The function
    may be a coroutine function.

    `name` stands for it in the database, and is its module and name unless it is given: a reactor that is renamed is a
    new one. `retries` and `on_error` ("stop" or "skip") override EVENTFOLD["FOLLOW"]. After `timeout` seconds another
    `events follow` takes it that this one is dead, and calls the function for the same event.
    """
    place = "reactor()"
    if not events or not all(isinstance(event, (str, type)) for event in events):
        raise TypeError('reactor() takes event types, as in @reactor("books.BookBorrowed"); a condition is an `if`')
    check_retries(place, retries)
    check_on_error(place, on_error)
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
        raise TypeError(f"reactor(): timeout is a number of seconds, not {timeout!r}")

    def register(function: _Function) -> _Function:
        own_name = name or f"{function.__module__}.{function.__qualname__}"
        known = _reactors.get(own_name)
        if known is not None and _place(known.function) != _place(function):
            raise TypeError(f"reactor(): there are two of the name {own_name!r}: give one of them another name=")
        labels = tuple(dict.fromkeys(label_of(event) for event in events))
        _reactors[own_name] = Reactor(own_name, function, labels, _offered(function), retries, on_error, float(timeout))
        return function

    return register


def all_reactors() -> tuple[Reactor, ...]:
    """Return all reactors, in the order they were declared."""
    return tuple(_reactors.values())


def reactors_of(alias: str) -> list[Reactor]:
    """Return the reactors some of whose events may be recorded in a database."""
    return [each for each in _reactors.values() if any(_recorded_in(label, alias) for label in each.labels())]


def idempotency_key(log_id: str, position: int, name: str) -> str:
    """Return what is the same for each call of a reactor for one event, and for no other one."""
    return str(uuid5(UUID(log_id), f"{position} {name}"))


def _recorded_in(label: str, alias: str) -> bool:
    try:
        model = declared_model(label)
    except (LookupError, ValueError):
        return False  # a check says so
    return router.allow_migrate_model(alias, model)


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _offered(function: Callable[..., Any]) -> frozenset[str]:
    parameters = signature(function).parameters.values()
    if any(each.kind is Parameter.VAR_KEYWORD for each in parameters):
        return frozenset(_OFFERED)
    return frozenset(each.name for each in parameters) & frozenset(_OFFERED)
