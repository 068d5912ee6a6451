"""What a fold does with events, column by column: plain data, for EventLog.fold and for read models alike.

A source is an event type: its name, or an event class (anything with an `event_type_name`); or some events of a type,
`Filtered(type, condition)`; or all types of an app, `"books.*"`, or all, `"*"`, that have what the key is made of.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from eventfold.expressions import Expression, is_source
from eventfold.where import Filtered, as_condition, unfiltered

Source = Any

Term = tuple[Source, Any, int]  # the event type, the field or expression or None, the factor

PSEUDO_FIELDS = ("position", "created")
"""Fields of every event that are not in its data."""


UNITS = ("year", "month", "day", "hour")


@dataclass(frozen=True)
class Trunc:
    """The year, month, day or hour in which a moment lies, as a key: `Trunc("created", "day")`.

    The moment is a text, YYYY-MM-DD or longer; that of "created" is in UTC. Raises TypeError for another unit.
    """

    field: str
    unit: str

    def __post_init__(self) -> None:
        if not isinstance(self.field, str):
            raise TypeError(f'Trunc() takes the name of a field, as in Trunc("created", "day"), not {self.field!r}')
        if self.unit not in UNITS:
            raise TypeError(f"a key is the year, month, day or hour of a moment, and not its {self.unit!r}")


def event_type_name(source: Source) -> str:
    """Return the name of the event type of a source."""
    source = unfiltered(source)
    if isinstance(source, str):
        return source
    name = getattr(source, "event_type_name", None)
    if not isinstance(name, str):
        raise TypeError(f"an event type is a name or an event class, not {source!r}")
    return name


@dataclass(frozen=True, init=False)
class KeyOf(Expression):
    """A key that each event type has in its own way: `KeyOf((Placed, Each("lines", "sku")), (Stocked, "item"))`.

    Raises TypeError for anything but pairs of an event type and a field or an expression.
    """

    pairs: tuple[tuple[Source, Any], ...]

    def __init__(self, *pairs: Any) -> None:
        for pair in pairs:
            if not isinstance(pair, tuple) or len(pair) != 2 or not is_source(pair[1]):
                raise TypeError(
                    "KeyOf() takes pairs of an event type and what its key is made of, as in "
                    f'KeyOf((BookAdded, "id"), (BookLent, "book")), not {pair!r}'
                )
        object.__setattr__(self, "pairs", pairs)

    def of(self, type_name: str, name_of: Callable[[Source], str] = event_type_name) -> Any:
        """Return what the key of a type is made of. Raises TypeError for a type of which it says nothing."""
        for source, value in self.pairs:
            if name_of(source) == type_name:
                return value
        raise TypeError(f"KeyOf() says nothing of {type_name}")


def as_sources(sources: Source | tuple[Source, ...] | list[Source]) -> tuple[Source, ...]:
    """Return one or several event types as a tuple."""
    return tuple(sources) if isinstance(sources, (tuple, list)) else (sources,)


def condition_of(source: Source) -> Any:
    """Return the condition of a source, None where it is a whole event type."""
    return source.condition if isinstance(source, Filtered) else None


def is_pattern(source: Source) -> bool:
    """Whether a source is a pattern, which stands for several types: "books.*", or "*" for all."""
    name = unfiltered(source)
    return isinstance(name, str) and (name == "*" or name.endswith(".*"))


@dataclass(frozen=True, init=False)
class Operation:
    """How events make the value of a column: all events of the types, or those that `filter` is true for."""

    op: ClassVar[str]
    default: ClassVar[Any] = None
    kind: ClassVar[str] = "any"
    """Of a column that is not declared elsewhere."""

    sources: tuple[tuple[Source, Any], ...]  # event types, each with a field's name, an expression, or None
    cleared_by: tuple[Source, ...] = field(default=())
    initial: Any = field(default=None)
    has_initial: bool = field(default=False)  # it was given, and is not the operation's own
    filter: Any = field(default=None)  # a Where or a Q
    factors: tuple[int, ...] = field(default=())  # of each source: the sign of its field; what it adds without one

    def __init__(self, *sources: Any, cleared_by: Any = (), initial: Any = ..., filter: Any = None) -> None:
        if not sources:
            raise TypeError(f"{type(self).__name__} needs an event type")
        terms = self._read(sources)
        object.__setattr__(self, "sources", tuple((source, name) for source, name, _ in terms))
        object.__setattr__(self, "factors", tuple(factor for _, _, factor in terms))
        object.__setattr__(self, "cleared_by", as_sources(cleared_by))
        object.__setattr__(self, "initial", self.default if initial is ... else initial)
        object.__setattr__(self, "has_initial", initial is not ...)
        object.__setattr__(self, "filter", as_condition(filter))

    def conditions_of(self, source: Source) -> tuple[Any, ...]:
        """Return the conditions, some of which may be None, that must all hold for an event of one of its sources."""
        return self.filter, condition_of(source)

    @property
    def options(self) -> dict[str, Any]:
        """Return what the specification says of the column beside its sources."""
        return {}

    def fields(self) -> Iterator[tuple[Source, Any]]:
        """Yield each field or expression that it reads, with its source."""
        yield from ((source, name) for source, name in self.sources if name is not None)

    def terms(self) -> Iterator[tuple[Source, Any, dict[str, Any]]]:
        """Yield each source with its field or expression, and what else the specification says of it but conditions."""
        for (source, name), factor in zip(self.sources, self.factors, strict=True):
            if self.op == "sum" and name is None:
                yield source, name, {"constant": factor}
            else:
                yield source, name, {} if factor == 1 else {"sign": factor}

    @classmethod
    def _read(cls, sources: tuple[Any, ...]) -> list[Term]:
        """`Latest(Added, "title")`, or `Latest((Added, "title"), (Renamed, "name"))`."""
        return [cls._term(pair) for pair in (sources if isinstance(sources[0], tuple) else (sources,))]

    @classmethod
    def _term(cls, pair: Any) -> Term:
        if not isinstance(pair, tuple) or len(pair) != 2 or not is_source(pair[1]):
            raise TypeError(
                f'{cls.__name__} takes an event type and a field, as in {cls.__name__}(BookAdded, "title"), or '
                f"an expression in its place, or several such pairs, each in parentheses; not {pair!r}"
            )
        return pair[0], pair[1], 1


class Count(Operation):
    """How many events of these types there were: `Count(BookBorrowed)`; of all types of an app: `Count("books.*")`.

    With `distinct=True` it is a CountDistinct: `Count(BookBorrowed, "borrowed_by", distinct=True)`.
    """

    op = "count"
    default = 0
    kind = "integer"

    def __new__(cls, *sources: Any, distinct: bool = False, **more: Any) -> Any:
        return CountDistinct(*sources, **more) if distinct else super().__new__(cls)

    def __init__(self, *sources: Any, distinct: bool = False, **more: Any) -> None:
        super().__init__(*sources, **more)

    @classmethod
    def _read(cls, sources: tuple[Any, ...]) -> list[Term]:
        return [(source, None, 1) for source in sources]


class CountDistinct(Operation):
    """How many different values a field has had: `CountDistinct(BookBorrowed, "borrowed_by")`; null counts as nothing.

    The values are those of one set, whatever type they come from: `CountDistinct((Lent, "reader"), (Sold, "buyer"))`.
    As in SQL, 1, 1.0 and true are one value, and texts are compared byte by byte. A read model keeps them in a table
    beside its rows, so that their number has no limit.
    """

    op = "distinct"
    default = 0
    kind = "integer"


class Sum(Operation):
    """The sum of a field: `Sum(Paid, "amount")`; or of an expression: `Sum(Sold, F("price") * F("quantity"))`.

    Null counts as nothing.

    A balance: `Sum((Paid, "amount"), (Refunded, "amount", -1))`; with a number in the place of the field, that is added
    for each event: `Sum((BookBorrowed, 1), (BookReturned, -1))`.
    """

    op = "sum"
    default = 0

    @classmethod
    def _term(cls, pair: Any) -> Term:
        if isinstance(pair, tuple):
            match pair[1:]:
                case [value] if is_source(value):
                    return pair[0], value, 1
                case [value, 1 | -1 as sign] if is_source(value) and not isinstance(sign, bool):
                    return pair[0], value, sign
                case [int() as number] if not isinstance(number, bool) and -(2**63) <= number < 2**63:
                    return pair[0], None, number
        raise TypeError(
            'Sum takes an event type and a field, as in Sum(Paid, "amount"), or an integer, as in Sum(Visited, 1); or '
            'several of these, each in parentheses, where (Refunded, "amount", -1) is subtracted; '
            f"not {pair!r}"
        )


class Min(Operation):
    """The least value of a field; null is left out."""

    op = "min"


class Max(Operation):
    """The greatest value of a field; null is left out."""

    op = "max"


class First(Operation):
    """The first value of a field that is not null."""

    op = "first"


class Latest(Operation):
    """The value of a field in the latest event, null included: `Latest(BookAdded, "title")`."""

    op = "latest"
