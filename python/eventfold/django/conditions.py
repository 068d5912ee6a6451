"""Conditions on event classes: the `Q` of a projection, compiled to what the core evaluates.

Values become what the event's view stores, by Django's own lookups, so that a condition is true for the events that
`filter()` finds; only startswith, endswith and contains differ: they mind the case, as they do on other databases.
"""

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold.django.expressions import STREAM, EventCompiler
from eventfold.django.kinds import AnyField, kind_of
from eventfold.errors import InvalidEvent, ProjectionError
from eventfold.expressions import PARTS, extract, within
from eventfold.expressions import Compiled as Expression
from eventfold.where import LOOKUPS, TEXT_LOOKUPS, Compiled, build, compile_filter, each_value, fields_of, plain

_MOMENTS = ("date", "datetime", "time")


class Compared(NamedTuple):
    """The left side of a comparison, and the comparison."""

    source: Expression
    lookup: str
    kind: str
    field: AnyField | None
    """Of the event, where the left side is one of its fields."""
    nullable: bool
    """Whether it may be null, and Django takes care of that in a negation."""


def compile_conditions(event: Any, connection: BaseDatabaseWrapper, *conditions: Any) -> Compiled | None:
    """Compile conditions on events of one class, which must all hold; None where there are none.

    Raises ProjectionError for a field that the event has not, a lookup that the core has not, and a value that the
    field cannot have.
    """

    def leaf(path: Any, value: Any) -> tuple[Compiled, str | None]:
        compared = _resolved(event, path)
        if not isinstance(path, str):
            path, value = compared.source.text, getattr(path.rhs, "value", path.rhs)
        convert = _converter(compared, connection)
        name = compared.source.text
        compiled = build(path, name, compared.lookup, each_value(path, compared.lookup, value, convert))
        return compiled, name if compared.nullable else None

    try:
        return compile_filter(leaf, *conditions)
    except TypeError as error:
        raise ProjectionError(f"a condition on {event._meta.label}: {error}") from error


def sources_of_conditions(event: Any, *conditions: Any) -> Iterator[Expression]:
    """Yield the fields and expressions that conditions look at. Raises ProjectionError."""
    try:
        for path in fields_of(*conditions):
            yield _resolved(event, path).source
    except TypeError as error:
        raise ProjectionError(f"a condition on {event._meta.label}: {error}") from error


def _resolved(event: Any, path: Any) -> Compared:
    if not isinstance(path, str):
        return _comparison(event, path)
    name, *rest = path.split("__")
    try:
        field = event._meta.pk if name == "pk" else event._meta.get_field(name)
    except FieldDoesNotExist:
        if name == STREAM:
            source, lookup = EventCompiler(event).compile(STREAM), _lookup(path, rest)
            return _checked(path, Compared(source, lookup, "text", None, True))
        names = ", ".join(field.name for field in event._meta.concrete_fields)
        raise TypeError(f"it has no field {name!r}; its fields are {names}") from None
    kind = kind_of(field)
    source = Expression(field.name, field.name)
    if kind == "json" and rest and rest != ["isnull"]:
        lookup = rest.pop() if len(rest) > 1 and rest[-1] in LOOKUPS else "exact"
        if rest[0] not in LOOKUPS:
            return _checked(path, Compared(within(source, rest), lookup, "any", None, True))
        rest = [*rest, *([] if lookup == "exact" else [lookup])]
    if kind in _MOMENTS and rest and rest[0] in PARTS:
        source = extract(rest[0], source)
        EventCompiler(event).kind_of(source)
        return _checked(path, Compared(source, _lookup(path, rest[1:]), "integer", None, field.null))
    return _checked(path, Compared(source, _lookup(path, rest), kind, field, field.null))


def _comparison(event: Any, comparison: Any) -> Compared:
    """A comparison that stands by itself, as in Q(GreaterThan(F("price") * F("quantity"), 100))."""
    compiler = EventCompiler(event)
    source = compiler.compile(comparison.lhs)
    lookup = str(comparison.lookup_name)
    if lookup not in LOOKUPS:
        raise TypeError(f"{lookup!r} is none of the lookups {', '.join(LOOKUPS)}")
    kind, _ = compiler.kind_of(source)
    field = event._meta.get_field(source.json) if source.is_field and source.json != STREAM else None
    return _checked(source.text, Compared(source, lookup, kind, field, False))


def _lookup(path: str, rest: list[str]) -> str:
    lookup = "__".join(rest) or "exact"
    if lookup not in LOOKUPS:
        raise TypeError(f"{path}: {lookup!r} is none of the lookups {', '.join(LOOKUPS)}")
    return lookup


def _checked(path: str, compared: Compared) -> Compared:
    name, kind, lookup = compared.source.text, compared.kind, compared.lookup
    if lookup in TEXT_LOOKUPS and kind not in ("text", "any"):
        raise TypeError(f"{path}: {name!r} is of the kind {kind}, and {lookup} looks into a text")
    if lookup == "contains" and kind == "any":
        raise TypeError(f"{path}: contains is not of JSON: say startswith, endswith or exact")
    if kind in ("json", "binary") and lookup != "isnull":
        hint = ", or compare what is within: tree__branch" if kind == "json" else ""
        raise TypeError(f"{path}: {name!r} is of the kind {kind}, of which a condition can only say isnull{hint}")
    return compared


def _converter(compared: Compared, connection: BaseDatabaseWrapper) -> Callable[[Any], Any]:
    """What makes a value of a lookup the value that an event has in the core."""
    name, lookup, field = compared.source.text, compared.lookup, compared.field

    def convert(value: Any) -> Any:
        if lookup in TEXT_LOOKUPS:
            return value
        if hasattr(value, "resolve_expression"):
            raise TypeError(f"a condition compares with plain values, not with {value!r}")
        try:
            if field is None:
                return _plain(_of_kind(compared.kind, value, connection))
            return _plain(_as_in_a_lookup(field, lookup, value, connection))
        except (TypeError, ValueError, ArithmeticError, AttributeError, ValidationError, InvalidEvent) as error:
            text = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            raise TypeError(f"{value!r} is no value of {name!r}: {text}") from error

    return convert


def _as_in_a_lookup(field: AnyField, lookup: str, value: Any, connection: BaseDatabaseWrapper) -> Any:
    from eventfold.django.specification import stored

    lookup_class = field.get_lookup("exact" if lookup in ("in", "range") else lookup)
    column: Any = field.get_col(field.model._meta.db_table)
    assert lookup_class is not None
    return stored(field, lookup_class(column, value).rhs, connection)


_FIELDS: dict[str, AnyField] = {
    "text": models.TextField(),
    "boolean": models.BooleanField(),
    "date": models.DateField(),
    "datetime": models.DateTimeField(),
    "time": models.TimeField(),
    "duration": models.DurationField(),
    "uuid": models.UUIDField(),
}


def _of_kind(kind: str, value: Any, connection: BaseDatabaseWrapper) -> Any:
    """A value that is compared with an expression of a kind."""
    from eventfold.django.specification import stored

    if kind in _FIELDS:
        return stored(_FIELDS[kind], _FIELDS[kind].to_python(value), connection)
    if isinstance(value, Decimal) and value.is_finite():
        value = int(value) if value == value.to_integral_value() else float(value)
    if kind != "any" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise ValueError("it is no number")
    return plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("it is no finite number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("it is beyond 64 bits")
    return value
