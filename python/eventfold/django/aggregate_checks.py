"""Does a column that holds many values fit its field, and the events that it is made of?"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connections, router

from eventfold.aggregates import Collected
from eventfold.django.kinds import kind_of
from eventfold.django.specification import initial_value
from eventfold.projection import Source

COMPARED = {"text", "integer", "real", "boolean", "decimal", "date", "time", "datetime", "duration", "uuid", "any"}
_SPANS = {
    "year": {"date", "datetime"},
    "month": {"date", "datetime"},
    "day": {"date", "datetime"},
    "hour": {"datetime"},
}

Misfit = Callable[[Source, Any, set[str]], str]


def collected_problems(field: Any, operation: Collected, misfit: Misfit) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, and a hint. `misfit` says why a value of an event is none of some kinds, or nothing."""
    name = type(operation).__name__
    if kind_of(field) != "json":
        yield f"collects {name} into {field.name!r}, which is no JSONField.", "Many values need a JSONField."
        return
    connection = connections[router.db_for_write(field.model)]
    initial = initial_value(field, operation, connection)
    wanted = dict if operation.op == "histogram" else list
    if initial is not None and not isinstance(json.loads(initial), wanted):
        hint = f"Use default={wanted.__name__}, or none."
        yield f"collects {name} into {field.name!r}, which begins as {initial} and not as a {wanted.__name__}.", hint
    values = _SPANS[operation.trunc] if operation.trunc else COMPARED | ({"json"} if operation.op == "list" else set())
    for source, source_field in operation.sources:
        assert source_field is not None
        if problem := misfit(source, source_field, values):
            hint = "Bytes cannot stand in JSON, and only the values of a list may be lists or objects themselves."
            if operation.trunc:
                hint = "A span of time is taken of a date or of a moment."
            yield f"fills {field.name!r}: {problem}.", hint
    if label := getattr(operation, "label", None):
        for source, _ in operation.sources:
            if problem := misfit(source, label, COMPARED | {"json"}):
                yield f"fills {field.name!r}: {problem}.", "The label is another field of the same event."
