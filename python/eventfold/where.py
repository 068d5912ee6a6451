"""Conditions on events: which of them a projection counts. `Where` looks and means as Django's `Q` does in a queryset.

    Count("BookBorrowed", filter=Where(days__gt=14) & ~Where(borrowed_by=""))

A comparison with null is not true, and its negation is: null is not "". A `Q` may stand for a `Where`.
"""

import datetime
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

AND, OR = "AND", "OR"
LOOKUPS = ("exact", "in", "gt", "gte", "lt", "lte", "range", "isnull", "startswith", "endswith", "contains")
TEXT_LOOKUPS = ("startswith", "endswith", "contains")

Compiled = list[Any]
Leaf = Callable[[Any, Any], tuple[Compiled, str | None]]
"""Compiles a lookup, by its path and value; or a comparison of Django's that stands by itself, with None."""


class Where:
    """A condition on the fields of an event: `Where(days__gt=14)`, several of which all must hold.

    `&`, `|` and `~` make new ones. A lookup is one of exact (which need not be written), in, gt, gte, lt, lte, range,
    isnull, startswith, endswith and contains, the last three with regard to case. Raises TypeError for another one, and
    for a value that it cannot compare with.
    """

    def __init__(self, *conditions: "Where", **lookups: Any) -> None:
        for condition in conditions:
            as_condition(condition)
        for path, value in lookups.items():
            compare(path, value)
        self.connector = AND
        self.negated = False
        self.children: list[Any] = [*conditions, *lookups.items()]

    def __and__(self, other: "Where") -> "Where":
        return self._joined(AND, other)

    def __or__(self, other: "Where") -> "Where":
        return self._joined(OR, other)

    def __invert__(self) -> "Where":
        inverted = Where()
        inverted.connector, inverted.children, inverted.negated = self.connector, self.children, not self.negated
        return inverted

    def __repr__(self) -> str:
        parts = [f"{child[0]}={child[1]!r}" if isinstance(child, tuple) else repr(child) for child in self.children]
        joined = f" {'|' if self.connector == OR else '&'} ".join(parts)
        return f"{'~' if self.negated else ''}Where({joined})"

    def _joined(self, connector: str, other: "Where") -> "Where":
        joined = Where(self, other)
        joined.connector = connector
        return joined


@dataclass(frozen=True)
class Filtered:
    """The events of a type for which a condition is true; it may stand wherever an event type may.

    delete_on = Filtered(BookRemoved, Q(reason="lost"))
    """

    source: Any
    condition: Any

    def __post_init__(self) -> None:
        as_condition(self.condition)
        if isinstance(self.source, Filtered):
            raise TypeError("Filtered() takes an event type, not another Filtered(): join the conditions by &")


def as_condition(condition: Any) -> Any:
    """Return a `Where`, a Django `Q` or None as it is. Raises TypeError for anything else."""
    if condition is None or all(hasattr(condition, name) for name in ("children", "connector", "negated")):
        return condition
    raise TypeError(f"a filter is a condition, as in filter=Where(days__gt=14), or filter=Q(...), not {condition!r}")


def unfiltered(source: Any) -> Any:
    """Return the event type of a source."""
    return source.source if isinstance(source, Filtered) else source


def compile_filter(leaf: Leaf, *conditions: Any) -> Compiled | None:
    """Return what the core takes for conditions that all must hold, or None where there are none.

    `leaf` compiles one lookup, and names its field if that may be null. Raises TypeError.
    """
    parts = [part for each in conditions if each is not None and (part := _compiled(each, leaf, False)) is not None]
    return _joined(AND, parts) if parts else None


def fields_of(*conditions: Any) -> Iterator[Any]:
    """Return the paths of all lookups, and comparisons of Django's as they are."""
    for condition in conditions:
        for child in condition.children if condition is not None else ():
            yield from fields_of(child) if hasattr(child, "children") else [_lookup(child)[0]]


def split_path(path: str) -> tuple[str, str]:
    """Return the field and the lookup of `field__lookup`. Raises TypeError where the lookup is none of ours."""
    name, _, lookup = path.rpartition("__")
    if not name:
        return path, "exact"
    if lookup not in LOOKUPS:
        raise TypeError(f"a condition cannot have {path!r}: {lookup!r} is none of the lookups {', '.join(LOOKUPS)}")
    return name, lookup


def compare(path: str, value: Any) -> tuple[Compiled, str | None]:
    """Compile a lookup on a field of unknown kind, which may be null. Raises TypeError."""
    if not isinstance(path, str):
        raise TypeError(f"a condition is made of lookups such as days__gt=14, not of {path!r}")
    name, lookup = split_path(path)
    if name == "created":
        return build(path, name, lookup, each_value(path, lookup, value, _moment)), None
    if name == "position":
        return build(path, name, lookup, each_value(path, lookup, value, _position)), None
    return build(path, name, lookup, each_value(path, lookup, value, plain)), name


def each_value(path: str, lookup: str, value: Any, convert: Callable[[Any], Any]) -> Any:
    """Return the value of a lookup with each of its parts converted."""
    if lookup == "isnull" or (lookup == "exact" and value is None):
        return value
    if lookup in ("in", "range"):
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise TypeError(f"{path} takes a list, not {value!r}")
        values = [None if each is None else convert(each) for each in value]
        if lookup == "range" and (len(values) != 2 or None in values):
            raise TypeError(f"{path} takes a pair of values, not {value!r}")
        return values
    if value is None:
        raise TypeError(f"{path} compares with None, which nothing is: use {split_path(path)[0]}__isnull")
    return convert(value)


def build(path: str, field: str, lookup: str, value: Any) -> Compiled:
    """Return the compiled form of a lookup on converted values. Raises TypeError."""
    if lookup == "exact" and value is None:
        lookup, value = "isnull", True
    if lookup == "isnull" and not isinstance(value, bool):
        raise TypeError(f"{path} is True or False, not {value!r}")
    if lookup in TEXT_LOOKUPS and not isinstance(value, str):
        raise TypeError(f"{path} looks for a text, not {value!r}")
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str) and any("\ud800" <= letter <= "\udfff" for letter in each):
            raise TypeError(f"{path}: no event has a text with half a surrogate pair, {each!r}")
    if lookup == "range":
        return ["and", ["gte", field, value[0]], ["lte", field, value[1]]]
    if lookup == "in":
        value = [each for each in value if each is not None]  # nothing is equal to null
    return [lookup, field, value]


def plain(value: Any) -> Any:
    """Return a value that JSON can say and the core can compare with. Raises TypeError."""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise TypeError(f"a condition cannot compare with {value}, which is beyond 64 bits")
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise TypeError(f"a condition cannot compare with {value!r}: give a text, a number, True or False")


def _position(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"position is compared with a whole number, not with {value!r}")
    return int(plain(value))


def _moment(value: Any) -> str:
    """The text of a moment as a fold has it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, datetime.datetime) or value.tzinfo is None:
        raise TypeError(f"created is compared with a datetime that has a time zone, not with {value!r}")
    return str(value.astimezone(datetime.timezone.utc).replace(tzinfo=None))


def _compiled(condition: Any, leaf: Leaf, negated: bool) -> Compiled | None:
    """A negated comparison with a field that may be null excludes null first, as in Django: its negation is true."""
    if condition.connector not in (AND, OR):
        raise TypeError(f"a condition cannot be joined by {condition.connector}: say it with &, | and ~")
    negated ^= condition.negated
    parts = []
    for child in condition.children:
        if hasattr(child, "children"):
            part = _compiled(child, leaf, negated)
        else:
            part, nullable = leaf(*_lookup(child))
            if negated and nullable and part[0] != "isnull":
                part = ["and", ["isnull", nullable, False], part]
        if part is not None:
            parts.append(part)
    if not parts:
        return None
    joined = _joined(condition.connector, parts)
    return ["not", joined] if condition.negated else joined


def _lookup(child: Any) -> tuple[Any, Any]:
    """A path and a value; of a comparison such as GreaterThan(F("a") * F("b"), 3), itself and None."""
    if isinstance(child, tuple) and len(child) == 2 and isinstance(child[0], str):
        return child
    if hasattr(child, "lookup_name") and hasattr(child, "rhs"):
        return child, None
    raise TypeError(f"a condition is made of lookups such as days__gt=14, not of {child!r}")


def _joined(connector: str, parts: list[Compiled]) -> Compiled:
    return parts[0] if len(parts) == 1 else [connector.lower(), *parts]
