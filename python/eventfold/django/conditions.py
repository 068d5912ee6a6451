"""Conditions on event classes: the `Q` of a projection, compiled to what the core evaluates.

Values become what the event's view stores, by Django's own lookups, so that a condition is true for the events that
`filter()` finds; only startswith, endswith and contains differ: they mind the case, as they do on other databases.
"""

import math
from decimal import Decimal
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold.django.kinds import AnyField, kind_of
from eventfold.errors import InvalidEvent, ProjectionError
from eventfold.where import LOOKUPS, TEXT_LOOKUPS, Compiled, build, compile_filter, each_value, fields_of


def compile_conditions(event: Any, connection: BaseDatabaseWrapper, *conditions: Any) -> Compiled | None:
    """Compile conditions on events of one class, which must all hold; None where there are none.

    Raises ProjectionError for a field that the event has not, a lookup that the core has not, and a value that the
    field cannot have.
    """

    def leaf(path: str, value: Any) -> tuple[Compiled, str | None]:
        field, lookup = _resolved(event, path)
        compiled = build(
            path, field.name, lookup, each_value(path, lookup, value, _converter(field, lookup, connection))
        )
        return compiled, field.name if field.null else None

    try:
        return compile_filter(leaf, *conditions)
    except TypeError as error:
        raise ProjectionError(f"a condition on {event._meta.label}: {error}") from error


def field_names(event: Any, *conditions: Any) -> set[str]:
    """Return the names of the fields that conditions look at. Raises ProjectionError."""
    try:
        return {_resolved(event, path)[0].name for path in fields_of(*conditions)}
    except TypeError as error:
        raise ProjectionError(f"a condition on {event._meta.label}: {error}") from error


def _resolved(event: Any, path: str) -> tuple[AnyField, str]:
    name, *rest = path.split("__")
    try:
        field = event._meta.pk if name == "pk" else event._meta.get_field(name)
    except FieldDoesNotExist:
        names = ", ".join(field.name for field in event._meta.concrete_fields)
        raise TypeError(f"it has no field {name!r}; its fields are {names}") from None
    lookup = "__".join(rest) or "exact"
    if lookup not in LOOKUPS:
        raise TypeError(f"{path}: {lookup!r} is none of the lookups {', '.join(LOOKUPS)}")
    kind = kind_of(field)
    if lookup in TEXT_LOOKUPS and kind != "text":
        raise TypeError(f"{path}: {name!r} is of the kind {kind}, and {lookup} looks into a text")
    if kind in ("json", "binary") and lookup != "isnull":
        raise TypeError(f"{path}: {name!r} is of the kind {kind}, of which a condition can only say isnull")
    return field, lookup


def _converter(field: AnyField, lookup: str, connection: BaseDatabaseWrapper) -> Any:
    """What makes a value of a lookup the value that an event has in the core."""
    from eventfold.django.specification import stored

    def convert(value: Any) -> Any:
        if lookup in TEXT_LOOKUPS:
            return value
        if hasattr(value, "resolve_expression"):
            raise TypeError(f"a condition compares with plain values, not with {value!r}")
        try:
            lookup_class = field.get_lookup("exact" if lookup in ("in", "range") else lookup)
            column: Any = field.get_col(field.model._meta.db_table)
            assert lookup_class is not None
            prepared = lookup_class(column, value).rhs
            return _plain(stored(field, prepared, connection))
        except (TypeError, ValueError, ArithmeticError, AttributeError, ValidationError, InvalidEvent) as error:
            text = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            raise TypeError(f"{value!r} is no value of {field.name!r}: {text}") from error

    return convert


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("it is no finite number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("it is beyond 64 bits")
    return value
