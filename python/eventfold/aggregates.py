"""Operations whose columns hold many values, as JSON: lists, sets, histograms, the greatest values.

Each is bounded or counted, and is what its column stores: nothing about it is kept elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from eventfold.projection import Operation, Source, Term, Trunc

MOST = 100_000
"""The largest limit: a row is written anew with each event that changes it."""
MOST_IN_ORDER = 1_000
"""That of Top."""


@dataclass(frozen=True, init=False)
class Collected(Operation):
    """What its subclasses share: values are fields of events, or the spans of time in which they lie (a Trunc)."""

    kind = "json"

    trunc: str | None = field(default=None)

    def __init__(self, *sources: Any, **more: Any) -> None:
        fields, unit = self._without_spans(sources)
        super().__init__(*fields, **more)
        object.__setattr__(self, "trunc", unit)

    @property
    def options(self) -> dict[str, Any]:
        return {"trunc": self.trunc} if self.trunc else {}

    @classmethod
    def _without_spans(cls, sources: tuple[Any, ...]) -> tuple[list[Any], str | None]:
        """Return the sources with a field's name in the place of each span of time, and its unit."""
        several = bool(sources) and isinstance(sources[0], tuple)
        pairs = [list(pair) if isinstance(pair, tuple) else pair for pair in (sources if several else (sources,))]
        units = set()
        for pair in pairs:
            span = cls._span(pair[1]) if isinstance(pair, list) and len(pair) > 1 else None
            units.add(span.unit if span else None)
            if span:
                pair[1] = span.field
        if len(units) > 1:
            raise TypeError(f"{cls.__name__} takes the same span of time of all its events, or of none")
        fields = [tuple(pair) if isinstance(pair, list) else pair for pair in pairs]
        return fields if several else list(fields[0]), units.pop()

    @classmethod
    def _span(cls, value: Any) -> Trunc | None:
        return value if isinstance(value, Trunc) else None


def _checked(name: str, limit: Any, most: int) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= most:
        raise TypeError(f"{name} keeps at most `limit` values, between 1 and {most:,}: limit=10; not {limit!r}")
    return limit


@dataclass(frozen=True, init=False)
class ArrayAgg(Collected):
    """A list of the last `limit` values in the order of the log, null included: `ArrayAgg(E, "field", limit=10)`.

    With `distinct=True`, the different values in ascending order, null first; where there are more than `limit`, the
    least ones. A list or an object is a value of a list only.
    """

    default = ()

    limit: int = field(default=0)
    distinct: bool = field(default=False)

    def __init__(self, *sources: Any, limit: int | None = None, distinct: bool = False, **more: Any) -> None:
        super().__init__(*sources, **more)
        object.__setattr__(self, "limit", _checked("ArrayAgg", limit, MOST))
        object.__setattr__(self, "distinct", distinct)

    @property
    def op(self) -> str:  # type: ignore[override]
        return "set" if self.distinct else "list"

    @property
    def options(self) -> dict[str, Any]:
        return {**super().options, "limit": self.limit}


class Histogram(Collected):
    """How often each value came: `Histogram(Rated, "stars")` is an object of value to count.

    Values are the object's keys, and so texts, whole numbers first; null is left out. By day:
    `Histogram(Borrowed, Trunc("created", "day"))`. With -1, `Histogram((Lent, "genre"), (Returned, "genre", -1))`, an
    event takes its value off; a value whose count is 0 is not in the object.
    """

    op = "histogram"
    default: ClassVar[Any] = {}

    @classmethod
    def _term(cls, pair: Any) -> Term:
        if isinstance(pair, tuple) and len(pair) == 3 and pair[2] in (1, -1) and not isinstance(pair[2], bool):
            return (*super()._term(pair[:2])[:2], int(pair[2]))
        return super()._term(pair)


@dataclass(frozen=True, init=False)
class Top(Collected):
    """The greatest `limit` values, the greatest first, of equal ones the earlier: `Top(Sold, "price", limit=3)`.

    With the name of another field of the events, `label="title"`, a list of [value, label]. Null is left out.
    """

    op = "top"
    default = ()

    limit: int = field(default=0)
    label: str | None = field(default=None)

    def __init__(self, *sources: Any, limit: int | None = None, label: str | None = None, **more: Any) -> None:
        super().__init__(*sources, **more)
        if label is not None and not (isinstance(label, str) and label):
            raise TypeError(f'Top() takes the name of a field as its label, as in label="title", not {label!r}')
        object.__setattr__(self, "limit", _checked("Top", limit, MOST_IN_ORDER))
        object.__setattr__(self, "label", label)

    @property
    def options(self) -> dict[str, Any]:
        return {**super().options, "limit": self.limit}

    def terms(self) -> Iterator[tuple[Source, str | None, dict[str, Any]]]:
        for source, name, options in super().terms():
            yield source, name, {**options, "label": self.label} if self.label else options

    def fields(self) -> Iterator[tuple[Source, str]]:
        for source, name in super().fields():
            yield source, name
            if self.label:
                yield source, self.label


class Avg(Operation):
    """Not an operation: an average follows from a sum and a count in columns of their own. Raises TypeError."""

    def __init__(self, *sources: Any, **more: Any) -> NoReturn:
        raise TypeError(
            'an average is a sum by a count: keep total = Sum(E, "field") and number = Count(E, '
            "filter=Q(field__isnull=False)) in columns of their own; in Django, the average is then a GeneratedField, "
            'F("total") * 1.0 / NullIf(F("number"), 0)'
        )
