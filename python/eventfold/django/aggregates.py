"""Operations that collect many values into a JSONField, with Django's own words for spans of time."""

from typing import Any

from django.db.models import F
from django.db.models.functions.datetime import TruncBase

from eventfold import aggregates
from eventfold.aggregates import Avg, Collected
from eventfold.django.read_models import key_source
from eventfold.projection import Trunc

__all__ = ["ArrayAgg", "Avg", "Histogram", "Top"]


class _Spans(Collected):
    """Takes Django's `TruncDate("created")` where the operation without Django takes `Trunc("created", "day")`."""

    @classmethod
    def _span(cls, value: Any) -> Trunc | None:
        if not isinstance(value, TruncBase):
            return super()._span(value)
        source, unit = key_source(cls.__name__, value)
        return Trunc(source.name, unit) if unit and isinstance(source, F) else None  # else it is an expression


class ArrayAgg(_Spans, aggregates.ArrayAgg):
    __doc__ = aggregates.ArrayAgg.__doc__


class Histogram(_Spans, aggregates.Histogram):
    __doc__ = (aggregates.Histogram.__doc__ or "").replace('Trunc("created", "day")', 'TruncDate("created")')


class Top(_Spans, aggregates.Top):
    __doc__ = aggregates.Top.__doc__
