"""Expressions on event classes: Django's own, compiled to what the core evaluates, and what a field's name leads to."""

import datetime
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Expression as DjangoExpression
from django.db.models import ExpressionWrapper
from django.db.models import F as DjangoF
from django.db.models import Value as DjangoValue
from django.db.models.expressions import CombinedExpression
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast, NullIf
from django.db.models.functions import Coalesce as DjangoCoalesce
from django.db.models.functions import Extract as DjangoExtract
from django.db.models.functions.datetime import TruncBase

from eventfold import _core
from eventfold.django.declared import declared_model
from eventfold.django.kinds import AnyField, kind_of
from eventfold.django.lookup import Lookup, compile_lookup
from eventfold.django.type_fields import TypeFields
from eventfold.errors import InvalidEvent, ProjectionError
from eventfold.expressions import PARTS, Compiled, Compiler, StreamName, call, cast, extract, within
from eventfold.projection import UNITS, KeyOf

PSEUDO_FIELDS = {"position": "integer", "created": "datetime"}
"""Fields of every event that are not in its `data`."""

STREAM = "stream"
"""Of every event too, unless it has a field of that name: the name of its stream."""

_USE = (
    "use F, Value, Coalesce, NullIf, Cast, Extract and Trunc, Each, Lookup, StreamName and StreamCategory, "
    "and + - * / %; or an @on method"
)


class EventCompiler(Compiler):
    """Compiles expressions on the events of one class. Each method raises TypeError for what cannot be."""

    def __init__(self, event: Any) -> None:
        self._event = event

    def field(self, name: str) -> Compiled:
        """Return a field, what is within its JSON, or a part of the moment that it is: "created__hour"."""
        first, *path = name.split("__")
        first = self._event._meta.pk.name if first == "pk" else first
        field = _field(self._event, first)
        if field is None:
            if first == STREAM and not path:
                return self.compile(StreamName())
            raise TypeError(f"{self._event._meta.label} has no field {first!r}")
        compiled = Compiled(first, first)
        if not path:
            return compiled
        kind = kind_of(field)
        if kind == "json":
            return within(compiled, path)
        if kind in ("date", "datetime", "time") and len(path) == 1 and path[0] in PARTS:
            return extract(path[0], compiled)
        raise TypeError(
            f"{name!r}: {first!r} of {self._event._meta.label} is of the kind {kind}, and has no {path[0]!r}"
        )

    def other(self, expression: Any) -> Compiled:
        """Compile what is Django's."""
        if isinstance(expression, DjangoF):
            return self.field(expression.name)
        if isinstance(expression, KeyOf):
            return _key_of(self._event, expression, None)
        if isinstance(expression, Lookup):
            return compile_lookup(self, self._event, expression)
        if isinstance(expression, CombinedExpression):
            operator = "%" if expression.connector == "%%" else expression.connector
            return self.arithmetic(operator, expression.lhs, expression.rhs)
        if isinstance(expression, DjangoValue):
            return self.value(expression.value)
        if isinstance(expression, DjangoCoalesce):
            return call("coalesce", [self.compile(part) for part in expression.get_source_expressions()])
        if isinstance(expression, NullIf):
            return call("nullif", [self.compile(part) for part in expression.get_source_expressions()])
        if isinstance(expression, ExpressionWrapper):
            return self.compile(expression.expression)
        if isinstance(expression, KeyTransform):
            (inner,) = expression.get_source_expressions()
            return within(self.compile(inner), [str(expression.key_name)])
        if isinstance(expression, Cast):
            (inner,) = expression.get_source_expressions()
            return as_kind(self.compile(inner), expression.output_field)
        if isinstance(expression, (DjangoExtract, TruncBase)):
            return self._of_moment(expression)
        what = str(expression) if isinstance(expression, DjangoExpression) else repr(expression)
        raise TypeError(f"a projection cannot calculate {what}: {_USE}")

    def value(self, value: Any) -> Compiled:
        """Return a constant, which may be a Decimal, a date or a datetime."""
        if isinstance(value, Decimal) and value.is_finite():
            exponent = value.as_tuple().exponent
            places = max(0, -exponent) if isinstance(exponent, int) else 0
            number = int(value) if value == value.to_integral_value() else float(value)
            return Compiled(["value", number, "decimal", min(places, 18)], f"{value} as decimal", 0)
        if isinstance(value, datetime.datetime):
            raise TypeError(f"an expression cannot have the value {value!r}: compare with it in a filter")
        if isinstance(value, datetime.date):
            return Compiled(["value", value.isoformat(), "date"], value.isoformat())
        if isinstance(value, datetime.timedelta):
            microseconds = value // datetime.timedelta(microseconds=1)
            return Compiled(["value", microseconds, "duration"], f"{value} as duration", 0)
        return super().value(value)

    def _of_moment(self, expression: Any) -> Compiled:
        (moment,) = expression.get_source_expressions()
        if expression.tzinfo is not None and str(expression.tzinfo) != "UTC":
            raise TypeError(f"a read model's days are those of UTC, and not of {expression.tzinfo}")
        compiled = self.compile(moment)
        if isinstance(expression, DjangoExtract):
            if expression.lookup_name not in PARTS:
                raise TypeError(f"a moment has no {expression.lookup_name!r}; its parts are {', '.join(PARTS)}")
            return extract(expression.lookup_name, compiled)
        unit = "day" if expression.kind == "date" else expression.kind
        if unit not in UNITS:
            raise TypeError(f"a moment can be cut to its year, month, day or hour, and not to its {unit}")
        kind = "date" if expression.kind == "date" or self.kind_of(compiled)[0] == "date" else "datetime"
        return Compiled(["trunc", unit, compiled.json, kind], f"{unit} in which {compiled.text} lies as {kind}", 0)

    def kind_of(self, compiled: Compiled) -> tuple[str, int]:
        """Return the kind of an expression and its decimal places, or -1. Raises TypeError for what does not fit."""
        from eventfold.django.specification import event_field

        try:
            fields = {
                name: event_field(field, TypeFields())
                for name in compiled.fields()
                if name not in PSEUDO_FIELDS and (field := _field(self._event, name)) is not None
            }
            return _core.expression_kind(json.dumps(fields), json.dumps(compiled.json))
        except InvalidEvent as error:
            raise TypeError(str(error)) from error
        except ProjectionError as error:
            raise TypeError(f"{compiled.text} of {self._event._meta.label}: {error}") from error


def _field(event: Any, name: str) -> Any:
    """A field of an event; None if it has none of that name."""
    try:
        return event._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def compile_source(event: Any, source: Any, target: AnyField | None = None) -> Compiled:
    """Compile a field's name or an expression on events of one class.

    A value out of JSON is taken as what `target`, the field that it fills, can have, and a decimal rounded to its
    places. Raises ProjectionError for what cannot be.
    """
    from eventfold.django.specification import column_kind

    compiler = EventCompiler(event)
    try:
        if isinstance(source, KeyOf):
            return _key_of(event, source, target)
        compiled = compiler.compile(source)
        if compiled.is_field:
            return compiled
        kind, _ = compiler.kind_of(compiled)
        if target is None or not (kind == "any" or kind == "decimal" == column_kind(target)):
            return compiled
        return as_kind(compiled, target)
    except TypeError as error:
        raise ProjectionError(str(error)) from error


def _key_of(event: Any, source: KeyOf, target: AnyField | None) -> Compiled:
    """What the key of this event is made of, by the name that the key has on all events."""
    from eventfold.django.read_models import label_of

    made = [(label_of(each), value) for each, value in source.pairs]
    texts = [f"{compile_source(declared_model(label), value, target).text} of {label}" for label, value in made]
    value = source.of(event._meta.label, label_of)
    return replace(compile_source(event, value, target), text=" or ".join(texts))


def kind_of_source(event: Any, compiled: Compiled) -> str:
    """Return the kind of what was compiled. Raises ProjectionError."""
    try:
        return EventCompiler(event).kind_of(compiled)[0]
    except TypeError as error:
        raise ProjectionError(str(error)) from error


def as_kind(compiled: Compiled, field: AnyField) -> Compiled:
    """Return a value out of JSON as a field would have it."""
    from eventfold.django.specification import column_kind

    kind = column_kind(field)
    places = [getattr(field, "decimal_places", 0)] if kind == "decimal" else []
    return cast(kind, compiled, *places)
