"""Event types by pattern: "books.*" is every event type of an app, "*" is every one, as far as they fit the projection.

A type fits where it has what the key is made of, and what the operation takes. One that is added later is read from
then on, and changes the hash of the projection: a check says that a replay is due.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.apps import apps
from django.db import router
from django.db.models import F
from django.db.models.lookups import IsNull

from eventfold.django.conditions import sources_of_conditions
from eventfold.django.constants import is_event_model
from eventfold.django.declared import declared_models
from eventfold.django.expressions import compile_source
from eventfold.errors import InvalidEvent, ProjectionError
from eventfold.projection import Operation, condition_of, is_pattern
from eventfold.where import Filtered, Where, unfiltered


def expanded(model: Any, declaration: Any) -> Any:
    """Return a declaration with event types in the place of patterns: the same one, until classes have changed."""
    if not apps.ready:
        return _expand(model, declaration)  # there are more classes to come, of which nobody tells
    if model not in _expanded:
        _expanded[model] = _expand(model, declaration)
    return _expanded[model]


_expanded: dict[Any, Any] = {}


def forget() -> None:
    """Look again: classes have changed."""
    _expanded.clear()


def _expand(model: Any, declaration: Any) -> Any:
    found = _Expansion(model, declaration)
    operations = {name: found.operation(name, operation) for name, operation in declaration.operations.items()}
    delete_on = tuple(each for source in declaration.delete_on for each, _ in found.sources(source))
    handlers = tuple(
        replace(handler, events=tuple(unfiltered(each) for event in handler.events for each, _ in found.sources(event)))
        for handler in declaration.handlers
    )
    return replace(
        declaration, operations=operations, delete_on=delete_on, handlers=handlers, unmatched=tuple(found.unmatched)
    )


def labels_like(source: str) -> list[str]:
    """Return the labels of the event types that a pattern stands for, or the label that is none."""
    if not is_pattern(source):
        return [source]
    return [event._meta.label for event in _event_types() if source == "*" or event._meta.app_label == source[:-2]]


class _Expansion:
    def __init__(self, model: Any, declaration: Any) -> None:
        self._model = model
        self._keys = {name: declaration.key_source(name)[0] for name in declaration.key}
        home = router.db_for_write(model)
        self._events = [
            event for event in _event_types() if router.db_for_write(event) == home and self._has_key(event)
        ]
        self.unmatched: list[str] = []

    def operation(self, name: str, operation: Operation) -> Operation:
        """Return an operation with types in the place of patterns: those that have the field that it takes."""
        target = self._model._meta.get_field(name)
        terms = [
            (each, value, factor)
            for (source, value), factor in zip(operation.sources, operation.factors, strict=True)
            for each, event in self.sources(source, operation.filter)
            if event is None or value is None or _fits(event, value, target)
        ]
        changed = copy.copy(operation)
        cleared_by = tuple(each for source in operation.cleared_by for each, _ in self.sources(source))
        object.__setattr__(changed, "sources", tuple((source, value) for source, value, _ in terms))
        object.__setattr__(changed, "factors", tuple(factor for _, _, factor in terms))
        object.__setattr__(changed, "cleared_by", cleared_by)
        return changed

    def sources(self, source: Any, *conditions: Any) -> Iterator[tuple[Any, Any]]:
        """Yield a source as it is, or, for a pattern, each type that it stands for, as a source and as a class."""
        if not is_pattern(source):
            yield source, None
            return
        pattern, condition = unfiltered(source), condition_of(source)
        found = False
        for event in self._events:
            if pattern != "*" and event._meta.app_label != pattern[:-2]:
                continue
            if _looks_at_what_it_has(event, condition, *conditions):
                found = True
                yield self._with_a_key(event, condition), event
        if not found:
            self.unmatched.append(pattern)

    def _has_key(self, event: Any) -> bool:
        return all(_fits(event, source, self._model._meta.get_field(name)) for name, source in self._keys.items())

    def _with_a_key(self, event: Any, condition: Any) -> Any:
        """An event whose key is null has none, and is left out."""
        nullable = [source for source in self._keys.values() if _may_be_null(event, source)]
        if not nullable and condition is None:
            return event._meta.label
        where = Where() if condition is None else Where(condition)
        for source in nullable:
            where.children.append(IsNull(F(source) if isinstance(source, str) else source, False))
        return Filtered(event._meta.label, where)


def _event_types() -> list[Any]:
    from eventfold.django.tracking.event_types import all_tracked_events

    events = {event._meta.label: event for event in declared_models() if is_event_model(event)}
    events |= {event._meta.label: event for event in all_tracked_events()}
    return [events[label] for label in sorted(events)]


def _fits(event: Any, source: Any, target: Any) -> bool:
    try:
        compile_source(event, source, target)
    except (ProjectionError, InvalidEvent):
        return False
    return True


def _looks_at_what_it_has(event: Any, *conditions: Any) -> bool:
    try:
        list(sources_of_conditions(event, *conditions))
    except ProjectionError:
        return False
    return True


def _may_be_null(event: Any, source: Any) -> bool:
    compiled = compile_source(event, source)
    if not compiled.is_field:
        return compiled.json[0] != "value" and not (
            compiled.json[0] == "extract" and compiled.json[2] in ("created", "position")
        )
    field = event._meta.get_field(compiled.json)
    return bool(field.null)
