"""What goes into an event comes out of its view, to the last bit, and is found again."""

import math
import struct

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.django.fields.events import Everything
from tests.django.fields.models import Plain
from tests.django.fields.values import CORNERS, STRATEGIES, finite_floats, rows, values


def bits(value):
    return struct.pack("<d", value)


def stored(model, number, columns):
    """The storage classes and values that SQLite has, which no converter of Django's has seen."""
    quoted = ", ".join(f'typeof("{column}"), quote("{column}")' for column in columns)
    with connection.cursor() as cursor:
        raw = cursor.connection.execute(
            f'SELECT {quoted} FROM "{model._meta.db_table}" WHERE n = ?', (number,)
        ).fetchone()
    return dict(zip(columns, zip(raw[::2], raw[1::2], strict=True), strict=True))


class RoundTripTests(TestCase):
    @settings(max_examples=150, deadline=None)
    @given(values())
    def test_each_field_comes_back_as_it_went_in(self, row):
        event = Everything.objects.create(n=1, **row)
        back = Everything.objects.get(pk=event.pk)
        for name, value in row.items():
            self.assertEqual(getattr(back, name), value, name)
            self.assertIs(type(getattr(back, name)), type(value), name)
        self.assertEqual(back.created, event.created)

    @settings(max_examples=150, deadline=None)
    @given(values())
    def test_the_view_holds_what_the_table_would_hold(self, row):
        Everything.objects.create(n=1, **row)
        Plain.objects.create(n=1, **row)
        columns = [name for name in CORNERS if name not in ("json", "encoded")]
        self.assertEqual(stored(Everything, 1, columns), stored(Plain, 1, columns))

    @settings(max_examples=300, deadline=None)
    @given(st.lists(finite_floats, min_size=1, max_size=30))
    def test_floats_come_back_to_the_last_bit(self, numbers):
        Everything.objects.bulk_create([Everything(n=n, real=number, json=number) for n, number in enumerate(numbers)])
        back = Everything.objects.order_by("-position")[: len(numbers)]
        self.assertEqual([bits(row.real) for row in back][::-1], [bits(number) for number in numbers])
        self.assertEqual([bits(row.json) for row in back][::-1], [bits(number) for number in numbers])
        for number in numbers:
            self.assertTrue(Everything.objects.filter(real=number).exists(), number)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=3000))
    def test_bytes_come_back(self, value):
        event = Everything.objects.create(n=1, binary=value)
        self.assertEqual(Everything.objects.get(pk=event.pk).binary, value)
        self.assertTrue(Everything.objects.filter(binary=value).exists())

    @settings(max_examples=100, deadline=None)
    @given(STRATEGIES["json"].filter(lambda value: value is not None))
    def test_a_json_value_is_found_again(self, value):
        event = Everything.objects.create(n=1, json=value)
        self.assertEqual(Everything.objects.get(json=value).pk, event.pk)


@pytest.mark.django_db
def test_the_corner_values_come_back(alias="default"):
    Everything.objects.bulk_create([Everything(**row) for row in rows()])
    back = {event.n: event for event in Everything.objects.all()}
    for row in rows():
        for name, value in row.items():
            assert getattr(back[row["n"]], name) == value, name


@pytest.mark.django_db
def test_a_json_null_is_null():
    event = Everything.objects.create(n=1, json=None)
    assert Everything.objects.get(pk=event.pk).json is None
    assert Everything.objects.filter(json__isnull=True).count() == 1


@pytest.mark.django_db
def test_negative_zero_keeps_its_sign():
    event = Everything.objects.create(n=1, real=-0.0)
    assert math.copysign(1, Everything.objects.get(pk=event.pk).real) == -1
