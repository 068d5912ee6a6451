"""Every lookup of every field finds in an event type what it finds in an ordinary table of the same fields."""

import datetime
import zoneinfo
from decimal import Decimal

import pytest
from django.core.exceptions import FieldError
from django.core.paginator import Paginator
from django.db import NotSupportedError
from django.db.models import (
    Avg,
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    StdDev,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KT
from django.db.models.functions import (
    Cast,
    Coalesce,
    Concat,
    ExtractYear,
    Length,
    Lower,
    Rank,
    TruncDay,
    TruncHour,
    TruncMonth,
    Upper,
)
from django.utils import timezone

from tests.django.books.models import Shelf
from tests.django.fields.events import Everything
from tests.django.fields.models import Plain
from tests.django.fields.values import CORNERS, NUMBER_FIELDS, TEXT_FIELDS, rows
from tests.django.shelves.events import Stored
from tests.django.shelves.read_models import Place

pytestmark = pytest.mark.django_db

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def recorded(django_db_setup, django_db_blocker):
    """All corner values, as events and as rows; taken back at the end of the module."""
    from django.db import transaction

    class TakeBack(Exception):
        pass

    with django_db_blocker.unblock():
        try:
            with transaction.atomic():
                Everything.objects.bulk_create([Everything(**row) for row in rows()])
                Plain.objects.bulk_create([Plain(**row) for row in rows()])
                yield
                raise TakeBack
        except TakeBack:
            pass


def outcome(query, model):
    try:
        found = query(model)
        if hasattr(found, "query") or isinstance(found, (list, tuple)):
            found = list(found)
        return found
    except (FieldError, NotSupportedError, OverflowError, ValueError) as error:
        return type(error)


def assert_same(query):
    """`query` is a function of the model class."""
    expected = outcome(query, Plain)
    assert outcome(query, Everything) == expected
    return expected


def numbers(model, *conditions, **lookups):
    return list(model.objects.filter(*conditions, **lookups).order_by("n").values_list("n", flat=True))


def assert_finds_the_same(**lookups):
    return assert_same(lambda model: numbers(model, **lookups))


COMPARABLE = [name for name in CORNERS if name not in ("json", "encoded")]


@pytest.mark.parametrize("field", COMPARABLE)
def test_exact_and_in(recorded, field):
    for value in CORNERS[field]:
        if value is not None:
            assert assert_finds_the_same(**{field: value}), value
            assert_finds_the_same(**{f"{field}__exact": value})
            assert_same(
                lambda model, value=value: list(model.objects.exclude(**{field: value}).order_by("n").values_list("n"))
            )
    assert_finds_the_same(**{f"{field}__in": [value for value in CORNERS[field] if value is not None]})
    assert_finds_the_same(**{f"{field}__in": CORNERS[field][:2]})
    assert_finds_the_same(**{f"{field}__in": []})


@pytest.mark.parametrize("field", list(CORNERS))
def test_null(recorded, field):
    assert assert_finds_the_same(**{f"{field}__isnull": True})
    assert assert_finds_the_same(**{f"{field}__isnull": False})
    assert_finds_the_same(**{field: None})


@pytest.mark.parametrize("field", COMPARABLE)
def test_order(recorded, field):
    for value in CORNERS[field]:
        if value is None:
            continue
        for lookup in ("gt", "gte", "lt", "lte"):
            assert_finds_the_same(**{f"{field}__{lookup}": value})
        assert_finds_the_same(**{f"{field}__range": (CORNERS[field][0], value)})
        assert_finds_the_same(**{f"{field}__range": (value, CORNERS[field][0])})


@pytest.mark.parametrize("field", list(CORNERS))
def test_order_by(recorded, field):
    if field in ("json", "encoded"):
        pytest.skip("the texts of JSON values differ in white space, and so in their order")
    assert_same(lambda model: model.objects.order_by(field, "n").values_list("n", field))
    assert_same(lambda model: model.objects.order_by(f"-{field}", "n").values_list("n", field))
    assert_same(lambda model: model.objects.order_by(F(field).asc(nulls_last=True), "n").values_list("n"))
    assert_same(lambda model: model.objects.order_by(F(field).desc(nulls_first=True), "-n").values_list("n"))


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_texts(recorded, field):
    for value in [value for value in CORNERS[field] if value is not None] + [
        "a",
        "A",
        "%",
        "_",
        "\\",
        "E",
        "ß",
        "[a-z]+",
        "^$",
    ]:
        for lookup in ("iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"):
            assert_finds_the_same(**{f"{field}__{lookup}": value})
        if "\\" not in value and "[1]" not in value and '{"' not in value and "?" not in value:
            assert_finds_the_same(**{f"{field}__regex": value})
            assert_finds_the_same(**{f"{field}__iregex": value})
    assert_finds_the_same(**{f"{field}__contains": F("indexed_text")})
    assert_same(
        lambda model: (
            model.objects.annotate(u=Upper(field), l=Lower(field), s=Length(field))
            .order_by("n")
            .values_list("u", "l", "s")
        )
    )
    assert_same(
        lambda model: (
            model.objects.annotate(c=Concat(field, Value("-"), "n", output_field=TextField()))
            .order_by("n")
            .values_list("c")
        )
    )


@pytest.mark.parametrize("field", NUMBER_FIELDS)
def test_arithmetic_and_aggregates(recorded, field):
    small = {f"{field}__gte": -(2**31), f"{field}__lte": 2**31}
    assert_same(lambda model: model.objects.filter(**small).annotate(x=F(field) + 1).order_by("n").values_list("x"))
    assert_same(lambda model: numbers(model, **small, n__gt=F(field) * 2))
    assert_same(
        lambda model: model.objects.filter(**small).aggregate(
            Sum(field), Avg(field), Min(field), Max(field), Count(field), StdDev(field)
        )
    )
    assert_same(
        lambda model: model.objects.aggregate(Min(field), Max(field), Count(field), Count(field, distinct=True))
    )
    assert_same(lambda model: model.objects.annotate(c=Cast(field, CharField())).order_by("n").values_list("c"))
    assert_same(
        lambda model: model.objects.filter(**small).annotate(c=Cast(field, FloatField())).order_by("n").values_list("c")
    )
    assert_same(
        lambda model: (
            model.objects.annotate(c=Coalesce(field, Value(3), output_field=IntegerField()))
            .order_by("n")
            .values_list("c")
        )
    )


@pytest.mark.parametrize("field", COMPARABLE)
def test_aggregates_and_groups(recorded, field):
    assert_same(lambda model: model.objects.aggregate(Count(field), Count(field, distinct=True)))
    assert_same(lambda model: model.objects.aggregate(Max(field), Min(field)))
    assert_same(lambda model: model.objects.values(field).annotate(k=Count("n"), s=Sum("n")).order_by("s"))
    assert_same(lambda model: sorted(map(str, model.objects.values_list(field, flat=True).distinct())))
    assert_same(lambda model: model.objects.aggregate(k=Count("n", filter=Q(**{f"{field}__isnull": True}))))


def test_sum_of_a_date_is_refused_alike(recorded):
    assert assert_same(lambda model: model.objects.aggregate(Sum("day"))) is NotSupportedError


DATE_PARTS = ["year", "month", "day", "week", "week_day", "iso_week_day", "iso_year", "quarter"]
TIME_PARTS = ["hour", "minute", "second"]


@pytest.mark.parametrize("zone", [datetime.timezone.utc, BERLIN, NEW_YORK], ids=str)
@pytest.mark.parametrize("field", ["moment", "indexed_moment"])
def test_parts_of_a_moment_are_in_the_current_time_zone(recorded, field, zone):
    with timezone.override(zone):
        for part in DATE_PARTS + TIME_PARTS:
            for value in (0, 1, 2, 3, 4, 12, 23, 30, 31, 59, 1999, 2020, 2021):
                assert_finds_the_same(**{f"{field}__{part}": value})
                assert_finds_the_same(**{f"{field}__{part}__gte": value})
        for day in (datetime.date(2020, 12, 31), datetime.date(2021, 1, 1)):
            assert_finds_the_same(**{f"{field}__date": day})
            assert_finds_the_same(**{f"{field}__date__lt": day})
        assert_finds_the_same(**{f"{field}__time": datetime.time(23, 30)})
        assert_finds_the_same(**{f"{field}__time__gt": datetime.time(12)})
        assert_same(lambda model: model.objects.dates(field, "month"))
        assert_same(lambda model: model.objects.filter(**{f"{field}__year__gt": 1990}).datetimes(field, "day"))
        assert_same(
            lambda model: (
                model.objects.filter(**{f"{field}__year__gt": 1990})
                .annotate(d=TruncDay(field), h=TruncHour(field), m=TruncMonth(field), y=ExtractYear(field))
                .order_by("n")
                .values_list("d", "h", "m", "y")
            )
        )
        assert assert_finds_the_same(**{f"{field}__year": 2021 if zone is BERLIN else 2020})


def test_parts_of_dates_and_times(recorded):
    for part in DATE_PARTS:
        for value in (1, 2, 5, 7, 9, 29, 53, 2020, 2021):
            assert_finds_the_same(**{f"day__{part}": value})
            assert_finds_the_same(**{f"day__{part}__lt": value})
    for part in TIME_PARTS:
        for value in (0, 12, 34, 56, 59):
            assert_finds_the_same(**{f"clock__{part}": value})
    assert_same(lambda model: model.objects.dates("day", "year"))
    assert_finds_the_same(moment__gt=datetime.datetime(2020, 12, 31, 23, 30, tzinfo=datetime.timezone.utc))


def test_created_is_the_time_of_the_append(recorded):
    event = Everything.objects.order_by("n").first()
    assert abs(timezone.now() - event.created) < datetime.timedelta(minutes=5)
    today = timezone.localdate()
    days = (today, today - datetime.timedelta(days=1))
    count = Everything.objects.count()
    assert Everything.objects.filter(created__date__in=days).count() == count
    assert Everything.objects.filter(created__year__gte=today.year - 1).count() == count
    assert Everything.objects.filter(created=event.created).count() == count  # one append has one time
    assert Everything.objects.filter(created__gt=event.created).count() == 0
    assert Everything.objects.filter(created__range=(event.created, timezone.now())).count() == count
    assert next(iter(Everything.objects.dates("created", "day"))) in days
    assert Everything.objects.aggregate(last=Max("created"))["last"] == event.created


def test_durations(recorded):
    for value in CORNERS["period"][:-1]:
        assert_finds_the_same(period__gt=value)
    assert_same(
        lambda model: (
            model.objects.filter(moment__year__range=(1500, 2500))
            .annotate(end=F("moment") + datetime.timedelta(days=1, microseconds=1))
            .order_by("n")
            .values_list("end")
        )
    )
    assert_same(
        lambda model: (
            model.objects.filter(moment__year__range=(1500, 2500), indexed_moment__isnull=False)
            .annotate(d=F("moment") - F("indexed_moment"))
            .order_by("n")
            .values_list("d")
        )
    )
    assert_same(lambda model: model.objects.aggregate(Min("period"), Max("period")))


JSON_LOOKUPS = [
    {"json__a": 1},
    {"json__a": "1"},
    {"json__a": True},
    {"json__a": None},
    {"json__a": [1, 2]},
    {"json__a": ["é", {"b": 1e16}]},
    {"json__a": {"b": [1, 2.5, "x"]}},
    {"json__a__b": [1, 2.5, "x"]},
    {"json__a__b__0": 1},
    {"json__a__b__1": 2.5},
    {"json__a__b__2": "x"},
    {"json__a__1__b": 1e16},
    {"json__b": 0.1 + 0.2},
    {"json__0": "a"},
    {"json__0": 1},
    {"json__ä": "é"},
    {"json__ä__in": ["é", "e"]},
    {"json__ä__icontains": "é"},
    {"json__ä__isnull": False},
    {"json__c": None},
    {"json__c__isnull": True},
    {"json__c__isnull": False},
    {"json__a__isnull": True},
    {"json__a__in": [1, "1", True, [1, 2]]},
    {"json__a__in": [None]},
    {"json__a__gt": 0},
    {"json__a__lt": 2},
    {"json__b__gte": 0.3},
    {"json__a__icontains": "N"},
    {"json__a__startswith": "a"},
    {"json__a__endswith": "nn"},
    {"json__a__iexact": "ANN"},
    {"json__a__regex": "a.n"},
    {"json__has_key": "a"},
    {"json__has_key": "ä"},
    {"json__has_keys": ["a", "b"]},
    {"json__has_any_keys": ["ä", "\U0001f389", 'q"', "tab\t"]},
    {"json__\U0001f389": 1},
    {"json__d__ö__a": 2},
    {"json__d__has_key": "ö"},
    {"json__tab\t": 3},
    {"json__back\\u00e4": 4},
    {"json__has_any_keys": ["big", "c"]},
    {"json__a__has_key": "b"},
    {"json__contains": {"a": 1}},
    {"json__contained_by": {"a": 1}},
    {"json__big": 2**70},
    {"json__deep__0__0__0__0__x": {}},
    {"encoded__at": datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)},
    {"encoded__id": "12345678-1234-5678-1234-567812345678"},
]


@pytest.mark.parametrize("lookup", JSON_LOOKUPS, ids=str)
def test_json_paths(recorded, lookup):
    assert_finds_the_same(**lookup)
    assert_same(lambda model: model.objects.exclude(**lookup).order_by("n").values_list("n", flat=True))


@pytest.mark.parametrize("value", CORNERS["json"][:-1], ids=str)
def test_a_whole_json_value_is_found(recorded, value):
    assert assert_finds_the_same(json=value)
    assert_finds_the_same(json__in=[value, "other"])


def test_json_in_expressions(recorded):
    assert_same(lambda model: model.objects.annotate(a=KT("json__a__b__2")).order_by("n").values_list("a"))
    assert_same(lambda model: model.objects.annotate(a=KT("json__a")).filter(a__contains="nn").values_list("n"))
    assert_same(lambda model: model.objects.order_by("n").values_list("json__a", "json__a__b__0"))
    assert_same(lambda model: model.objects.order_by("json__a", "n").values_list("n"))
    assert_same(lambda model: model.objects.filter(json__a=F("json__a")).count())
    assert_same(lambda model: model.objects.values("json__a").annotate(k=Count("n")).order_by("k", "json__a"))
    assert_same(lambda model: sorted(map(repr, model.objects.values_list("json", flat=True).distinct())))


def test_fields_are_compared_with_each_other(recorded):
    for left, right in [
        ("small", "big"),
        ("integer", "real"),
        ("real", "amount"),
        ("char", "text"),
        ("day", "moment"),
        ("indexed_number", "big"),
        ("indexed_text", "char"),
        ("flag", "indexed_flag"),
        ("moment", "indexed_moment"),
    ]:
        assert_same(lambda model, left=left, right=right: numbers(model, **{left: F(right)}))
        assert_same(lambda model, left=left, right=right: numbers(model, **{f"{left}__lt": F(right)}))


def test_a_decimal_is_compared_as_a_number(recorded):
    for value in (Decimal("1.5"), "1.50", 10, Decimal("10.0"), 0):
        assert assert_finds_the_same(amount=value)
    assert assert_finds_the_same(amount__lt=Decimal("0.5"))
    assert assert_finds_the_same(amount__gt=Decimal("9.999"))


def test_expressions(recorded):
    assert_same(
        lambda model: (
            model.objects.annotate(
                k=Case(When(flag=True, then=Value("yes")), When(flag=False, then=Value("no")), default=Value("?"))
            )
            .order_by("n")
            .values_list("k")
        )
    )
    assert_same(
        lambda model: (
            model.objects.annotate(b=ExpressionWrapper(Q(small__gt=0), output_field=BooleanField()))
            .order_by("n")
            .values_list("b")
        )
    )
    assert_same(
        lambda model: model.objects.annotate(r=Window(Rank(), order_by=F("small").asc())).order_by("n").values_list("r")
    )
    assert_same(
        lambda model: (
            model.objects.filter(Q(char="ann") | ~Q(small__gt=0) & Q(flag=True)).order_by("n").values_list("n")
        )
    )
    assert_same(
        lambda model: (
            model.objects.filter(n__lt=3)
            .values_list("n")
            .union(model.objects.filter(n__gt=10).values_list("n"))
            .order_by("n")
        )
    )
    assert_same(lambda model: model.objects.extra(where=["small > 0"]).order_by("n").values_list("n"))
    assert_same(
        lambda model: [row.n for row in model.objects.raw(f"SELECT * FROM {model._meta.db_table} ORDER BY n DESC")]
    )


def test_values_only_and_defer(recorded):
    fields = [name for name in CORNERS if name != "upper"]
    assert_same(lambda model: model.objects.order_by("n").values(*fields))
    assert_same(lambda model: model.objects.order_by("n").values_list(*fields, named=False))
    assert_same(lambda model: [(row.n, row.char) for row in model.objects.order_by("n").only("n", "char")])
    assert_same(lambda model: [(row.json, row.real) for row in model.objects.order_by("n").defer("char")])


def test_objects_by_key_iteration_and_pages(recorded):
    for model in (Everything, Plain):
        positions = list(model.objects.order_by("n").values_list("position", flat=True))
        assert positions == sorted(positions)
        assert list(model.objects.in_bulk(positions[:3])) == positions[:3]
        assert [row.n for row in model.objects.in_bulk(positions[3:5]).values()] == [3, 4]
        assert model.objects.get(pk=positions[2]).n == 2
        assert [row.n for row in model.objects.filter(pk__in=positions[:2]).order_by("pk")] == [0, 1]
        assert [row.n for row in model.objects.order_by("-position")[:2]] == [len(positions) - 1, len(positions) - 2]
        assert model.objects.order_by("-position").first().n == len(positions) - 1
        assert model.objects.latest("position").n == len(positions) - 1
        assert model.objects.earliest("position").n == 0
        assert model.objects.filter(n=4).exists()
        assert not model.objects.filter(n=-1).exists()
        assert sorted(row.n for row in model.objects.iterator(chunk_size=4)) == list(range(len(positions)))
    assert_same(lambda model: [row.n for page in Paginator(model.objects.order_by("n"), 7) for row in page])
    assert_same(lambda model: Paginator(model.objects.order_by("n"), 7).count)
    assert_same(lambda model: model.objects.order_by("n")[5:9].values_list("n"))
    assert_same(lambda model: model.objects.order_by("n").reverse()[1].n)


def test_subqueries_join_events_with_tables(recorded):
    for number, name in enumerate(["ann", "5", "GRÖSSE", "nobody"]):
        Shelf.objects.create(pk=[7, 0, -1, 99][number], name=name)
    for field in ("big", "indexed_number"):
        assert assert_finds_the_same(**{f"{field}__in": Shelf.objects.values("pk")})
        assert_same(
            lambda model, field=field: (
                Shelf.objects.filter(pk__in=model.objects.filter(**{f"{field}__isnull": False}).values(field))
                .order_by("pk")
                .values_list("pk")
            )
        )
        assert_same(
            lambda model, field=field: (
                Shelf.objects.filter(Exists(model.objects.filter(**{field: OuterRef("pk")})))
                .order_by("pk")
                .values_list("pk")
            )
        )
        assert_same(
            lambda model, field=field: (
                Shelf.objects.annotate(
                    last=Subquery(model.objects.filter(**{field: OuterRef("pk")}).order_by("-n").values("char")[:1]),
                    k=Subquery(
                        model.objects.filter(**{field: OuterRef("pk")}).values(field).annotate(k=Count("*")).values("k")
                    ),
                )
                .order_by("pk")
                .values_list("pk", "last", "k")
            )
        )
    for field in ("char", "indexed_text"):
        assert assert_finds_the_same(**{f"{field}__in": Shelf.objects.values("name")})
        assert_same(
            lambda model, field=field: (
                Shelf.objects.filter(Exists(model.objects.filter(**{field: OuterRef("name")})))
                .order_by("pk")
                .values_list("pk")
            )
        )
    assert_same(
        lambda model: (
            model.objects.filter(n__in=model.objects.filter(flag=True).values("n")).order_by("n").values_list("n")
        )
    )
    assert_same(
        lambda model: (
            model.objects.annotate(
                same=Subquery(
                    model.objects.filter(small=OuterRef("small"), n__lt=OuterRef("n")).order_by("-n").values("n")[:1]
                )
            )
            .order_by("n")
            .values_list("same")
        )
    )


@pytest.mark.parametrize("value", [{"k": [1, None, "é"]}, [1e16, 0.1], {"ä": {"b": 1}}, [], "é"], ids=str)
def test_a_json_value_of_a_read_model_is_found_as_one_of_an_event(db, value):
    Stored.objects.create(shelf="a", row=1, title="One", tags=value)
    for model in (Stored, Place):
        assert model.objects.get(tags=value).tags == value
        assert model.objects.filter(tags__in=[value]).count() == 1
        if isinstance(value, dict):
            (key, part), *_ = value.items()
            assert model.objects.filter(**{f"tags__{key}": part}).count() == 1
            assert model.objects.filter(tags__has_key=key).count() == 1
