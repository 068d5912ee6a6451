"""The conditions of a projection: a `Q` lets in the events that `filter()` finds."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection, models, transaction
from django.db.models import Exists, F, Q
from django.db.models.functions import NullIf, TruncDate, TruncDay, TruncHour, TruncMonth, TruncYear
from django.test.utils import isolate_apps
from django.utils import timezone

from eventfold import NewEvent, ProjectionError, Where, _core
from eventfold.django import Count, Filtered, Latest, ReadModel, Sum, on
from eventfold.django.gate import native
from eventfold.django.registry import known_fields
from eventfold.django.specification import as_text, hash_of, specification
from tests.django.fields.events import Everything
from tests.django.fields.values import CORNERS, rows
from tests.django.shelves.events import Cleared, Stored, Taken

COMPARED = [name for name in CORNERS if name not in ("json", "encoded", "binary")]


@pytest.fixture(scope="module")
def recorded(django_db_setup, django_db_blocker):
    """All corner values as events; taken back at the end of the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        Everything.objects.bulk_create([Everything(**row) for row in rows()])
        yield
        transaction.set_rollback(True)


def read_model(projection, **fields):
    attributes = {**fields, "Projection": type("Projection", (), projection), "__module__": "tests.django.shelves"}
    with isolate_apps("tests.django.shelves"):
        return type("Shown", (ReadModel,), {"Meta": type("Meta", (), {"app_label": "shelves"}), **attributes})


def compiled(model):
    return specification(model, connection, known_fields("default"))


def let_in(condition):
    """The numbers of the events that a condition lets in."""
    model = read_model(
        {"key": "n", "times": Count(Everything, filter=condition)},
        n=models.IntegerField(primary_key=True),
        times=models.IntegerField(),
    )
    assert model.check() == []
    spec = as_text(compiled(model))
    return sorted(native(connection, "fold", lambda log: list(_core.fold(log, spec))))


def assert_as_filter(condition):
    found = sorted(Everything.objects.filter(condition).values_list("n", flat=True))
    assert let_in(condition) == found, condition
    return found


@pytest.mark.parametrize("field", COMPARED)
def test_comparisons_are_true_for_what_filter_finds(recorded, field):
    found = 0
    values = [value for value in CORNERS[field] if value is not None][:5]
    for value in values:
        for lookup in ("exact", "gt", "gte", "lt", "lte"):
            condition = Q(**{f"{field}__{lookup}": value})
            found += len(assert_as_filter(condition))
            assert_as_filter(~condition)
    assert found
    for condition in (
        Q(**{field: None}),
        Q(**{f"{field}__in": values}),
        Q(**{f"{field}__in": []}),
        Q(**{f"{field}__in": [None, values[0]]}),
        Q(**{f"{field}__range": (values[0], values[-1])}),
        Q(**{f"{field}__isnull": False}),
    ):
        assert_as_filter(condition)
        assert_as_filter(~condition)
        assert_as_filter(~(~condition | Q(n__lt=3)))


@pytest.mark.parametrize("field", ["json", "encoded", "binary"])
def test_a_field_that_cannot_be_compared_can_be_null(recorded, field):
    assert assert_as_filter(Q(**{f"{field}__isnull": True}))
    assert assert_as_filter(~Q(**{f"{field}__isnull": True}))


def test_a_part_of_a_text_is_found_with_regard_to_case(db):
    for number, text in enumerate(["Emma", "emma", "Gemma, 100%", "", None]):
        Everything.objects.create(n=number, char=text)
    assert let_in(Q(char__startswith="Em")) == [0]
    assert let_in(Q(char__endswith="ma")) == [0, 1]
    assert let_in(Q(char__contains="mma")) == [0, 1, 2]
    assert let_in(Q(char__contains="0%")) == [2]
    assert let_in(~Q(char__contains="m")) == [3, 4]


def test_position_and_created_can_be_compared(db):
    first, second = (Everything.objects.create(n=number) for number in (1, 2))
    assert_as_filter(Q(pk__gt=first.position))
    assert let_in(Q(position__gt=first.position)) == [2]
    assert let_in(Q(created__lt=timezone.now() - datetime.timedelta(days=1))) == []
    assert_as_filter(Q(created__gte=second.created))


def test_values_are_taken_as_a_queryset_takes_them(db):
    Everything.objects.create(n=7, day="2024-02-29", amount=Decimal("1.50"))
    assert let_in(Q(n="7")) == let_in(Q(n__lt=7.5)) == [7]
    assert let_in(Q(day__gte="2024-02-29", amount="1.5")) == [7]


def test_a_where_means_what_a_q_means(db):
    Everything.objects.create(n=1, char="a")
    Everything.objects.create(n=2, char=None)
    assert let_in(~Where(char="a") | Where(n__in=[1])) == [1, 2]
    assert let_in(~Where(char="a")) == let_in(~Q(char="a")) == [2]


def loans():
    return read_model(
        {
            "key": "shelf",
            "heavy": Count(Stored, filter=Q(weight__gt="2.5")),
            "weight": Sum(Stored, "weight", filter=~Q(title__startswith="Draft")),
            "by": Latest(Taken, "by", filter=~Q(by="staff"), cleared_by=Filtered(Stored, Q(row=1))),
            "delete_on": Filtered("shelves.Cleared", Q(row__gte=9)),
        },
        shelf=models.CharField(max_length=20, primary_key=True),
        heavy=models.IntegerField(default=0),
        weight=models.DecimalField(max_digits=9, decimal_places=2, default=0),
        by=models.CharField(max_length=20, null=True),
    )


def test_an_operation_a_clearing_and_a_deletion_can_have_a_condition(db):
    model = loans()
    assert model.check() == []
    spec = as_text(compiled(model))
    connection.cursor().execute("CREATE TABLE shelves_shown (shelf TEXT, heavy INTEGER, weight DECIMAL, by TEXT)")

    def store(**values):
        Stored.objects.create(row=values.pop("row", 2), **values)

    def shown():
        folded = native(connection, "fold", lambda log: _core.fold(log, spec).to_dict())
        native(connection, "replay", lambda log: _core.Replay(log, spec, None).write(hash_of(compiled(model))))
        assert folded == {row[0]: row[1:] for row in connection.cursor().execute("SELECT * FROM shelves_shown")}
        return folded

    store(shelf="a", title="One", weight="2.50")
    store(shelf="a", title="Two", weight="2.51")
    store(shelf="a", title="Draft of three", weight="9")
    Taken.objects.create(shelf="a", row=1, by="ann")
    Taken.objects.create(shelf="a", row=1, by="staff")
    assert shown() == {"a": (2, 5.01, "ann")}
    store(shelf="a", title="Draft", weight="1", row=1)
    Cleared.objects.create(shelf="a", row=8)
    Taken.objects.create(shelf="b", row=1, by="staff")
    assert shown() == {"a": (2, 5.01, None)}
    Cleared.objects.create(shelf="a", row=9)
    assert shown() == {}


def test_a_balance_is_what_some_events_add_less_what_others_take(db):
    model = read_model(
        {"key": "shelf", "rows": Sum((Stored, "row"), (Taken, "row", -1)), "left": Sum((Stored, 1), (Taken, -1))},
        shelf=models.CharField(max_length=20, primary_key=True),
        rows=models.IntegerField(default=0),
        left=models.DecimalField(max_digits=9, decimal_places=2, default=0),
    )
    assert model.check() == []
    for row in (1, 2, 7):
        Stored.objects.create(shelf="a", row=row, title="x")
    Taken.objects.create(shelf="a", row=2, by="ann")
    spec = as_text(compiled(model))
    assert native(connection, "fold", lambda log: _core.fold(log, spec).to_dict()) == {"a": (8, 2)}


def test_rows_by_day_month_or_hour_are_those_of_a_query(db):
    for day, hour in ((1, 0), (1, 23), (2, 0), (29, 12)):
        moment = datetime.datetime(2024, 2, day, hour, 59, 59, 5, tzinfo=datetime.timezone.utc)
        Stored.objects.create(shelf="a", row=1, title="x", acquired=moment)
    for trunc, column in (
        (TruncDate, models.DateField),
        (TruncMonth, models.DateTimeField),
        (TruncHour, models.DateTimeField),
        (TruncYear, models.DateField),
        (TruncDay, models.DateTimeField),
    ):
        model = read_model(
            {"key": "span", "span": trunc("acquired"), "times": Count(Stored)},
            span=column(primary_key=True),
            times=models.IntegerField(default=0),
        )
        assert model.check() == []
        spec = as_text(compiled(model))
        folded = native(connection, "fold", lambda log, spec=spec: _core.fold(log, spec).to_dict())
        output = {} if trunc is TruncDate else {"output_field": column()}
        span = trunc("acquired", tzinfo=datetime.timezone.utc, **output)
        found = Stored.objects.values(span=span).annotate(times=models.Count("position")).values_list("span", "times")
        assert {key: row[0] for key, row in folded.items()} == {str(key)[:19]: times for key, times in found}


def test_a_key_may_be_a_field_of_another_name(db):
    Stored.objects.create(shelf="a", row=1, title="x")
    model = read_model(
        {"key": "place", "place": F("shelf"), "times": Count(Stored)},
        place=models.CharField(primary_key=True),
        times=models.IntegerField(default=0),
    )
    assert model.check() == []
    spec = as_text(compiled(model))
    assert native(connection, "fold", lambda log: _core.fold(log, spec).to_dict()) == {"a": (1,)}


def test_an_average_is_a_generated_column_that_follows_inline_and_on_replay(db):
    model = read_model(
        {
            "key": "shelf",
            "total": Sum(Stored, "length"),
            "measured": Count(Stored, filter=Q(length__isnull=False)),
        },
        shelf=models.CharField(max_length=20, primary_key=True),
        total=models.FloatField(default=0),
        measured=models.IntegerField(default=0),
        average=models.GeneratedField(
            expression=F("total") / NullIf(F("measured"), 0), output_field=models.FloatField(), db_persist=True
        ),
    )
    assert model.check() == []
    connection.cursor().execute(
        "CREATE TABLE shelves_shown (shelf TEXT, total REAL, measured INTEGER, "
        "average REAL GENERATED ALWAYS AS (total / NULLIF(measured, 0)) STORED)"
    )
    for length in (0.5, None, 2.0):
        Stored.objects.create(shelf="a", row=1, title="x", length=length)
    Stored.objects.create(shelf="b", row=1, title="x")
    spec = as_text(compiled(model))
    shown = "SELECT shelf, average FROM shelves_shown WHERE average IS NOT NULL"
    native(connection, "replay", lambda log: _core.Replay(log, spec, None).write(""))
    assert list(connection.cursor().execute(shown)) == [("a", 1.25)]
    event = _core.encode_events([NewEvent("shelves.Stored", {"shelf": "a", "length": 5.0})])
    inline = _core.ReadModels([spec], {})
    native(connection, "append", lambda log: log.append(event, read_models=inline))
    assert list(connection.cursor().execute(shown)) == [("a", 2.5)]


def test_a_condition_is_a_part_of_what_a_projection_means():
    def hash_with(**options):
        fields = {"shelf": models.CharField(primary_key=True), "n": models.IntegerField(default=0)}
        return hash_of(compiled(read_model({"key": "shelf", "n": Count(Stored, **options)}, **fields)))

    assert hash_with() == hash_with(filter=None) == hash_with(filter=Q())
    assert len({hash_with(), hash_with(filter=Q(row=1)), hash_with(filter=Q(row=2)), hash_with(filter=~Q(row=1))}) == 4
    assert hash_with(filter=Q(row=1)) == hash_with(filter=Q(row="1"))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Q(rwo=1), "it has no field 'rwo'; its fields are position, created, shelf, row, title"),
        (Q(row__foo=1), "row__foo: 'foo' is none of the lookups exact, in, gt"),
        (Q(title__icontains="a"), "title__icontains: 'icontains' is none of the lookups"),
        (Q(acquired__century__gt=20), "acquired__century__gt: 'century__gt' is none of the lookups"),
        (Q(acquired__year__gt="x"), "'x' is no value of 'year of acquired'"),
        (Q(tags__contains="a"), "tags__contains: 'tags' is of the kind json, and contains looks into a text"),
        (Q(tags__0__contains="a"), "tags__0__contains: contains is not of JSON"),
        (Q(tags__0=Stored), "is no value of 'tags__0'"),
        (Q(tags=[1]), "tags: 'tags' is of the kind json, of which a condition can only say isnull"),
        (Q(row__gt="x"), "'x' is no value of 'row'"),
        (Q(row=10**30), "is no value of 'row'"),
        (Q(length=float("inf")), "inf is no value of 'length': it is no finite number"),
        (Q(acquired="yesterday"), "'yesterday' is no value of 'acquired'"),
        (Q(code="7"), "'7' is no value of 'code'"),
        (Q(row__contains=7), "row__contains: 'row' is of the kind integer, and contains looks into a text"),
        (Q(title__contains=7), "title__contains looks for a text, not 7"),
        (Q(title__startswith="\ud800"), "half a surrogate pair"),
        (Q(row__gt=None), "row__gt compares with None, which nothing is: use row__isnull"),
        (Q(row__isnull=1), "row__isnull is True or False, not 1"),
        (Q(row__in=7), "row__in takes a list, not 7"),
        (Q(row__range=(1, 2, 3)), "row__range takes a pair of values"),
        (Q(row=F("weight")), "a condition compares with plain values, not with F(weight)"),
        (Q(row=1) ^ Q(row=2), "a condition cannot be joined by XOR"),
        (Q(Exists(Stored.objects.all())), "a condition is made of lookups such as days__gt=14"),
    ],
)
@pytest.mark.parametrize("place", ["operation", "cleared_by", "delete_on"])
def test_a_condition_that_cannot_be_is_found_by_check(condition, message, place):
    count = Count(Stored, filter=condition if place == "operation" else None)
    if place == "cleared_by":
        count = Count(Taken, cleared_by=Filtered(Stored, condition))
    delete_on = {"delete_on": Filtered(Stored, condition)} if place == "delete_on" else {}
    fields = {"shelf": models.CharField(primary_key=True), "n": models.IntegerField(default=0)}
    model = read_model({"key": "shelf", "n": count, **delete_on}, **fields)
    (problem,) = [each for each in model.check() if each.id == "eventfold.E209"]
    assert problem.msg.startswith("The Projection has a condition on shelves.Stored: ")
    assert message in problem.msg
    with pytest.raises(ProjectionError):
        compiled(model)


def test_more_conditions_than_the_core_has_bits_for_are_found_by_check():
    def model_with(number):
        counts = Count(*(Filtered(Stored, Q(row=row)) for row in range(number)))
        fields = {"shelf": models.CharField(primary_key=True), "n": models.IntegerField(default=0)}
        return read_model({"key": "shelf", "n": counts}, **fields)

    assert model_with(64).check() == []
    _core.ReadModels([as_text(compiled(model_with(64)))], {})
    (problem,) = model_with(65).check()
    assert (problem.id, problem.msg) == (
        "eventfold.E209",
        "The Projection has more than 64 conditions on shelves.Stored.",
    )
    with pytest.raises(ProjectionError, match=r"more than 64 conditions on the event shelves\.Stored"):
        _core.ReadModels([as_text(compiled(model_with(65)))], {})


def test_what_is_no_condition_is_no_operation():
    with pytest.raises(TypeError, match="a filter is a condition, as in"):
        Count(Stored, filter={"row": 1})
    with pytest.raises(TypeError, match="a filter is a condition, as in"):
        Filtered(Stored, "row = 1")
    with pytest.raises(TypeError, match="not another Filtered"):
        Filtered(Filtered(Stored, Q(row=1)), Q(row=2))
    with pytest.raises(TypeError, match="a condition is an `if` in the method"):
        on(Filtered(Stored, Q(row=1)))
