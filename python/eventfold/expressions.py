"""What a projection makes of the fields of an event, where a field alone does not do: expressions.

    log.fold(Extract("created", "hour"), {"earned": Sum("Sold", F("price") * F("quantity"))})

Null in arithmetic gives null. A division by zero, and an integer beyond 64 bits, is a ProjectionError, as they are
errors in PostgreSQL. A division of integers gives an integer: 7 / 2 is 3, and -7 / 2 is -3.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

PARTS = (
    "year",
    "iso_year",
    "quarter",
    "month",
    "week",
    "day",
    "week_day",
    "iso_week_day",
    "hour",
    "minute",
    "second",
)
"""What can be extracted from a moment, by Django's names: week_day is 1 on Sundays, iso_week_day 1 on Mondays."""

_TIGHT = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2}
_ATOM = 3


class Expression:
    """Base of the expressions: they are joined by + - * / and %, with each other and with numbers."""

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be part of a query; by having it, Django's own expressions take this one as an operand."""
        raise TypeError(f"{self!r} is of a projection, and not of a query")

    def __add__(self, other: Any) -> "Expression":
        return Arithmetic("+", self, other)

    def __radd__(self, other: Any) -> "Expression":
        return Arithmetic("+", other, self)

    def __sub__(self, other: Any) -> "Expression":
        return Arithmetic("-", self, other)

    def __rsub__(self, other: Any) -> "Expression":
        return Arithmetic("-", other, self)

    def __mul__(self, other: Any) -> "Expression":
        return Arithmetic("*", self, other)

    def __rmul__(self, other: Any) -> "Expression":
        return Arithmetic("*", other, self)

    def __truediv__(self, other: Any) -> "Expression":
        return Arithmetic("/", self, other)

    def __rtruediv__(self, other: Any) -> "Expression":
        return Arithmetic("/", other, self)

    def __mod__(self, other: Any) -> "Expression":
        return Arithmetic("%", self, other)

    def __rmod__(self, other: Any) -> "Expression":
        return Arithmetic("%", other, self)


@dataclass(frozen=True)
class Arithmetic(Expression):
    """Two operands, which are expressions or numbers."""

    operator: str
    left: Any
    right: Any


@dataclass(frozen=True)
class F(Expression):
    """A field of the event: `F("price")`; or what its JSON has within: `F("address__city")`, `F("items__0__sku")`."""

    name: str


@dataclass(frozen=True)
class Value(Expression):
    """The same for every event: a text, a number, True or False. As a key it makes one row: `Value("all")`."""

    value: Any


@dataclass(frozen=True, init=False)
class Coalesce(Expression):
    """The first of several that is not null: `Coalesce("nickname", "name", Value("?"))`."""

    parts: tuple[Any, ...]

    def __init__(self, *parts: Any) -> None:
        if len(parts) < 2:
            raise TypeError("Coalesce() takes two expressions or more")
        object.__setattr__(self, "parts", parts)


@dataclass(frozen=True)
class NullIf(Expression):
    """Null where both are equal, else the first: `F("price") / NullIf("quantity", 0)`."""

    expression: Any
    other: Any


@dataclass(frozen=True)
class Extract(Expression):
    """A part of a moment, as a number: `Extract("created", "hour")`. Raises TypeError for a part that it has not."""

    expression: Any
    part: str

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise TypeError(f"a moment has no {self.part!r}; its parts are {', '.join(PARTS)}")


@dataclass(frozen=True)
class Each(Expression):
    """Each element of a list, or what stands within each: `Each("authors")`, `Each("lines", "sku")`.

    The first names a field that is a list, or leads to one: `Each("order__lines", "product__sku")`. As a key it makes
    of one event a row for each element, and all that the event does happens for each element. As a value, with another
    key, it alone is taken from each. An element that stands there twice counts twice; an empty list does nothing.
    """

    list: str
    path: str = ""

    def __post_init__(self) -> None:
        if not (isinstance(self.list, str) and self.list and isinstance(self.path, str)):
            raise TypeError(f"Each() takes the names of a list and of what is within its elements, not {self!r}")


@dataclass(frozen=True)
class StreamName(Expression):
    """The name of the event's stream; null where it has none."""


@dataclass(frozen=True)
class StreamCategory(Expression):
    """The part of the stream's name before the first "-": "book" of "book-7"; null where the event has no stream."""


def is_source(value: Any) -> bool:
    """Whether it can be what an operation takes of an event: a field's name or an expression, Django's included."""
    return isinstance(value, str) or hasattr(value, "resolve_expression")


@dataclass(frozen=True)
class Compiled:
    """An expression as the core takes it: the name of a field, or a list; and what it is called."""

    json: Any
    text: str
    binds: int = _ATOM

    @property
    def is_field(self) -> bool:
        """Whether it is a field of the event, rather than made of some."""
        return isinstance(self.json, str) and self.json == self.text

    def fields(self) -> Iterator[str]:
        """Return the names of the fields that it is made of."""
        return _fields(self.json)


def _fields(compiled: Any) -> Iterator[str]:
    if isinstance(compiled, str):
        yield compiled
        return
    done, *parts = compiled
    if done == "value":
        return
    if done in ("path", "each"):
        parts = parts[:1]
    elif done in ("extract", "trunc", "cast"):
        parts = parts[1:2]
    elif done == "lookup":
        parts = parts[3:]
    for part in parts:
        yield from _fields(part)


class Compiler:
    """Compiles expressions on the events of a log, of which nothing is known: any field may hold anything."""

    def compile(self, expression: Any) -> Compiled:
        """Return the compiled form of a field's name, or of an expression. Raises TypeError for what it cannot be."""
        match expression:
            case str(name) | F(name):
                return self.field(name)
            case Arithmetic(operator, left, right):
                return self.arithmetic(operator, left, right)
            case Value(value):
                return self.value(value)
            case Coalesce(parts):
                return call("coalesce", [self.operand(part) for part in parts])
            case NullIf(first, other):
                return call("nullif", [self.operand(first), self.operand(other)])
            case Extract(moment, part):
                return extract(part, self.compile(moment))
            case Each(lines, within):
                return each(self.compile(lines), within.split("__") if within else [])
            case StreamName():
                return Compiled(["stream"], "name of stream", 0)
            case StreamCategory():
                return Compiled(["category"], "category of stream", 0)
            case _:
                return self.other(expression)

    def field(self, name: str) -> Compiled:
        """Return a field, or what is within it."""
        field, *path = name.split("__")
        if not field or not all(path):
            raise TypeError(f"{name!r} is no field: it is a name, or a name and a path, as in address__city")
        return within(Compiled(field, field), path) if path else Compiled(field, field)

    def other(self, expression: Any) -> Compiled:
        """Raise TypeError: it is none of the expressions."""
        raise TypeError(
            f"{expression!r} is no expression: use F, Value, Coalesce, NullIf, Extract, Each, StreamName or "
            "StreamCategory of eventfold, and + - * / %"
        )

    def value(self, value: Any) -> Compiled:
        """Return a constant."""
        if value is None or isinstance(value, (str, bool)):
            return Compiled(["value", value], json.dumps(value, ensure_ascii=False))
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return Compiled(["value", value], str(value))
        if isinstance(value, float) and math.isfinite(value):
            return Compiled(["value", value], repr(value))
        raise TypeError(f"an expression cannot have the value {value!r}: give a text, a number within 64 bits, a bool")

    def operand(self, operand: Any) -> Compiled:
        """Compile an operand, which may be a number that is no expression yet."""
        return self.compile(operand) if is_source(operand) else self.value(operand)

    def arithmetic(self, operator: str, left: Any, right: Any) -> Compiled:
        """Return two operands with an operator between. Raises TypeError for another operator than + - * / %."""
        if operator not in _TIGHT:
            raise TypeError(f"an expression can have + - * / and %, and not {operator!r}")
        # A bare text is one, and no name: F("title") + "x" is refused for what it is.
        first, second = (
            self.value(operand) if isinstance(operand, str) else self.operand(operand) for operand in (left, right)
        )
        binds = _TIGHT[operator]
        text = f"{_bracketed(first, binds)} {operator} {_bracketed(second, binds + 1)}"
        return Compiled([operator, first.json, second.json], text, binds)


def _bracketed(operand: Compiled, binds: int) -> str:
    return operand.text if operand.binds >= binds else f"({operand.text})"


def call(done: str, parts: list[Compiled]) -> Compiled:
    """Return a function of several expressions."""
    name = {"coalesce": "Coalesce", "nullif": "NullIf"}[done]
    return Compiled([done, *(part.json for part in parts)], f"{name}({', '.join(part.text for part in parts)})")


def extract(part: str, moment: Compiled) -> Compiled:
    """Return a part of a moment."""
    return Compiled(["extract", part, moment.json], f"{part} of {_bracketed(moment, _ATOM)}", 0)


def within(outer: Compiled, path: list[str]) -> Compiled:
    """Return what a JSON value has at the end of a path."""
    return Compiled(["path", outer.json, *path], "__".join([outer.text, *path]))


def each(lines: Compiled, path: list[str]) -> Compiled:
    """Return what each element of a list has at the end of a path."""
    return Compiled(["each", lines.json, *path], f"{lines.text}[]" + "".join(f".{step}" for step in path))


def cast(kind: str, compiled: Compiled, *places: int) -> Compiled:
    """Return it as of another kind; decimals are rounded to their places, half of one away from 0."""
    precision = f"({places[0]})" if places else ""
    return Compiled(["cast", kind, compiled.json, *places], f"{compiled.text} as {kind}{precision}", 0)


def describe(compiled: Compiled, fields: dict[str, Any], described: Callable[[str], Any]) -> str:
    """Put into the description of an event's fields what an expression needs; return the name under which it is there.

    `described` describes a field that is not there yet, None for one that every event has. Raises TypeError.
    """
    for name in compiled.fields():
        known = fields.get(name) or described(name)
        if known is None:
            continue
        if "value" in known:
            raise TypeError(f"a field has the name of an expression, {name!r}")
        fields[name] = known
    if compiled.is_field:
        return str(compiled.json)
    if fields.setdefault(compiled.text, {"value": compiled.json}) != {"value": compiled.json}:
        raise TypeError(f"a field has the name of an expression, {compiled.text!r}")
    return compiled.text
