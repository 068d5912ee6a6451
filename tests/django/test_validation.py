"""What is validated before an append, and how: as a form would, on the values that are to be written."""

import datetime
import decimal
import re
import uuid
from contextlib import suppress

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import connection, models
from django.db.models.functions import Now
from django.test.utils import isolate_apps

from eventfold import _core
from eventfold.django import Event
from eventfold.django.codec import field_spec
from eventfold.django.event_views import sync_view
from eventfold.django.plan import plan_of
from eventfold.errors import InvalidEvent
from tests.django.books.events import AllFields, BookAdded, BookBorrowed, BookRated

pytestmark = pytest.mark.django_db


def refusal(event):
    with pytest.raises(ValidationError) as caught:
        event.save()
    assert event.position is None
    assert not type(event).objects.exists()
    return caught.value.message_dict


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({}, {"book": ["This field cannot be null."]}),
        ({"book": 7}, {"title": ["This field cannot be blank."]}),
        ({"book": None, "title": "Emma"}, {"book": ["This field cannot be null."]}),
        ({"book": "seven", "title": "Emma"}, {"book": ["“seven” value must be an integer."]}),
        ({"book": 7, "title": None}, {"title": ["This field cannot be null."]}),
        (
            {"book": 7, "title": "x" * 201},
            {"title": ["Ensure this value has at most 200 characters (it has 201)."]},
        ),
        (
            {"book": 2**63, "title": "Emma"},
            {"book": ["Ensure this value is less than or equal to 9223372036854775807."]},
        ),
        (
            {"book": -(2**63) - 1, "title": "Emma"},
            {"book": ["Ensure this value is greater than or equal to -9223372036854775808."]},
        ),
        ({"book": "x"}, {"book": ["“x” value must be an integer."], "title": ["This field cannot be blank."]}),
    ],
)
def test_the_messages_are_those_of_djangos_forms(values, messages):
    if "title" not in values and "book" not in values:
        messages = {**messages, "title": ["This field cannot be blank."]}
    assert refusal(BookAdded(**values)) == messages


def test_bulk_create_validates_each_event():
    events = [BookAdded(book=n, title="Emma") for n in range(5)]
    events[3].title = ""
    with pytest.raises(ValidationError, match="cannot be blank"):
        BookAdded.objects.bulk_create(events)
    assert not BookAdded.objects.exists()


def test_rules_of_fields_and_of_the_class():
    good = {"book": 7, "stars": 5, "rated_by": "ann"}
    assert BookRated.objects.create(**good).comment == ""
    assert BookRated.objects.create(**{**good, "stars": 1, "comment": "dull"}).comment == "dull"
    BookRated.objects.bulk_create([BookRated(**good), BookRated(**good)])
    assert BookRated.objects.count() == 4


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({"stars": 6}, {"stars": ["Value 6 is not a valid choice."]}),
        ({"rated_by": "a"}, {"rated_by": ["Ensure this value has at least 2 characters (it has 1)."]}),
        ({"rated_by": "a" * 6}, {"rated_by": ["Ensure this value has at most 5 characters (it has 6)."]}),
        ({"book": -1}, {"book": ["Ensure this value is greater than or equal to 0."]}),
        ({"stars": 1}, {"comment": ["Say why."]}),
        (
            {"stars": 1, "book": -1},
            {"book": ["Ensure this value is greater than or equal to 0."], "comment": ["Say why."]},
        ),
    ],
)
def test_broken_rules_are_named_together(values, messages):
    assert refusal(BookRated(**{"book": 7, "stars": 5, "rated_by": "ann", **values})) == messages


def test_values_are_coerced_and_set_on_the_event():
    event = BookAdded.objects.create(book="7", title=12)
    assert (event.book, event.title) == (7, "12")
    assert BookAdded.objects.values_list("book", "title").get() == (7, "12")
    assert BookAdded.objects.create(book=True, title="Emma").book == 1
    assert BookAdded.objects.create(book=decimal.Decimal(8), title="Emma").book == 8


def test_a_class_of_choices_is_a_value():
    class Name(models.TextChoices):
        ANN = "ann"

    class Number(models.IntegerChoices):
        SEVEN = 7

    BookBorrowed.objects.create(book=Number.SEVEN, borrowed_by=Name.ANN)
    assert BookBorrowed.objects.values_list("book", "borrowed_by").get() == (7, "ann")


def test_validation_asks_the_database_nothing(django_assert_num_queries):
    with django_assert_num_queries(1):
        AllFields.objects.create()
    with django_assert_num_queries(1):
        BookRated.objects.create(book=7, stars=5, rated_by="ann")


def test_null_is_taken_where_the_field_takes_it():
    class_fields = {field.name: None for field in AllFields._meta.fields if field.name.startswith("null_")}
    event = AllFields.objects.create(**class_fields)
    found = AllFields.objects.get(pk=event.pk)
    assert all(getattr(found, name) is None for name in class_fields)


@pytest.mark.parametrize("name", [field.name for field in AllFields._meta.fields if not field.null][2:])
def test_null_is_refused_where_the_field_does_not_take_it(name):
    messages = refusal(AllFields(**{name: None}))
    assert list(messages) == [name]
    assert messages[name][0] in ("This field cannot be null.", "“None” value must be either True or False.")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("slug", "a b", "valid “slug”"),
        ("email", "ann", "valid email"),
        ("url", "example", "valid URL"),
        ("address", "300.1.1.1", "valid IPv4 or IPv6"),
        ("choice", "c", "not a valid choice"),
        ("choice", "", "cannot be blank"),
        ("flag", "maybe", "either True or False"),
        ("small", 2**63, "less than or equal"),
        ("positive_small", -1, "greater than or equal"),
        ("real", "x", "must be a float"),
        ("amount", "x", "must be a decimal"),
        ("amount", "1.234", "2 decimal places"),
        ("amount", 10**9, "before the decimal point"),
        ("amount", float("nan"), "must be a decimal"),
        ("day", "2021-02-29", "invalid date"),
        ("clock", "25:00", "invalid time"),
        ("moment", "now", "invalid format"),
        ("period", "long", "invalid format"),
        ("uuid", "1234", "not a valid UUID"),
        ("json", {1, 2}, "valid JSON"),
        ("binary", 7, None),
    ],
)
def test_each_type_refuses_what_it_cannot_hold(field, value, message):
    if message is None:
        with pytest.raises(InvalidEvent, match=field):
            AllFields.objects.create(**{field: value})
        return
    messages = refusal(AllFields(**{field: value}))
    assert list(messages) == [field]
    assert re.search(message, messages[field][0]), messages


@pytest.mark.parametrize(
    ("field", "given", "recorded"),
    [
        ("integer", "5", 5),
        ("flag", "True", True),
        ("flag", 1, True),
        ("real", 1, 1.0),
        ("real", "1.5", 1.5),
        ("amount", 2, decimal.Decimal("2")),
        ("amount", 0.25, decimal.Decimal("0.25")),
        ("day", "2021-02-28", datetime.date(2021, 2, 28)),
        ("day", datetime.datetime(2021, 2, 28, 12), datetime.date(2021, 2, 28)),
        ("clock", "01:02", datetime.time(1, 2)),
        ("moment", "2020-01-01T00:00:00+01:00", datetime.datetime(2019, 12, 31, 23, tzinfo=datetime.timezone.utc)),
        ("period", "00:00:05", datetime.timedelta(seconds=5)),
        ("uuid", "12345678123456781234567812345678", uuid.UUID("12345678-1234-5678-1234-567812345678")),
        ("json", {1: (2, None)}, {"1": [2, None]}),
        ("json", "text", "text"),
        ("json", [True, 2**70, 0.1], [True, 2**70, 0.1]),
        ("binary", bytearray(b"\x00"), b"\x00"),
        ("binary", memoryview(b"\x01"), b"\x01"),
        ("address", "2001:0:0::1", "2001::1"),
    ],
)
def test_each_type_takes_what_djangos_does(field, given, recorded):
    event = AllFields.objects.create(**{field: given})
    found = getattr(AllFields.objects.get(pk=event.pk), field)
    assert found == recorded
    assert type(found) is type(recorded)


def test_a_naive_datetime_is_taken_as_local_time_with_djangos_warning():
    with pytest.warns(RuntimeWarning, match="naive datetime"):
        event = AllFields.objects.create(moment=datetime.datetime(2020, 1, 1))
    found = AllFields.objects.get(pk=event.pk).moment
    assert found == datetime.datetime(2019, 12, 31, 23, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize("value", [models.F("book"), models.Value(7), Now()])
def test_an_expression_is_no_value(value):
    with pytest.raises(InvalidEvent, match="not an expression"):
        BookBorrowed.objects.create(book=7, borrowed_by=value)
    with pytest.raises(InvalidEvent, match="not an expression"):
        BookBorrowed.objects.create(book=value, borrowed_by="ann")


@isolate_apps("tests.django.books")
def test_a_validator_is_asked_by_whatever_way_it_is_declared():
    class Limited(Event):
        n = models.IntegerField(validators=[MaxValueValidator(10), MaxValueValidator(5)])
        word = models.CharField(validators=[RegexValidator("^a")])
        late = models.IntegerField(validators=[MaxValueValidator(lambda: 5)])
        chosen = models.CharField(choices=lambda: [("a", "A")])

        class Meta:
            app_label = "books"

    sync_view(connection, Limited)
    good = {"n": 5, "word": "ab", "late": 5, "chosen": "a"}
    for name, value in {"n": 6, "word": "b", "late": 6, "chosen": "b"}.items():
        with pytest.raises(ValidationError) as caught:
            Limited(**{**good, name: value}).save()
        assert list(caught.value.message_dict) == [name]
    Limited(**good).save()


@isolate_apps("tests.django.books")
def test_a_field_of_ones_own_is_asked():
    class Shout(models.CharField):
        def to_python(self, value):
            return value.upper()

        def pre_save(self, instance, add):
            return getattr(instance, self.attname) + "!"

    class Shouted(Event):
        word = Shout()
        stamped = models.DateTimeField(auto_now=True)
        day = models.DateField(auto_now_add=True)

        class Meta:
            app_label = "books"

    sync_view(connection, Shouted)
    event = Shouted.objects.create(word="help")
    assert event.word == "HELP!"
    assert isinstance(event.stamped, datetime.datetime)
    assert isinstance(event.day, datetime.date)
    first, second = Shouted.objects.bulk_create([Shouted(word="a"), Shouted(word="b")])
    assert (first.word, second.word) == ("A!", "B!")


@isolate_apps("tests.django.books")
def test_clean_may_change_the_event_and_clean_fields_may_be_overridden():
    class Tidied(Event):
        word = models.CharField()
        size = models.IntegerField(null=True)

        class Meta:
            app_label = "books"

        def clean_fields(self, exclude=None):
            if self.word == "bad":
                raise ValidationError({"word": "Bad."})
            super().clean_fields(exclude)

        def clean(self):
            self.size = len(self.word)

    sync_view(connection, Tidied)
    event = Tidied.objects.create(word="four")
    assert event.size == 4
    with pytest.raises(ValidationError, match="Bad"):
        Tidied.objects.create(word="bad")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("book", [0, -1, 1, 2**63 - 1, 2**63, True, "7", 7.0, None]),
        ("stars", [1, 5, 6, 0, "1", True, None]),
        ("rated_by", ["", "a", "ab", "abcde", "abcdef", "äöüßé", None, 5]),
        ("comment", ["", "x", None, 5]),
    ],
)
def test_what_the_encoder_accepts_is_what_django_accepts(name, values):
    field = BookRated._meta.get_field(name)
    codec = _core.EventCodec("t", [field_spec(field, None)], None)
    for value in values:
        with suppress(AskDjango):
            codec.encode([{name: value}], ask_django)
            assert field.clean(value, BookRated()) == value


class AskDjango(Exception):
    pass


def ask_django(index):
    raise AskDjango


def test_the_common_fields_need_no_python():
    """Text and numbers are checked natively, so that the fast path is one."""
    event = BookBorrowed(book=7, borrowed_by="ann")
    assert len(plan_of(BookBorrowed).codec.encode([event.__dict__], ask_django)) == 1
