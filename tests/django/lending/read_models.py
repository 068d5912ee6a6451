"""Numbers of different values, and rows that are looked up: kept by appends, by a follower, and by nobody."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import TruncDate

from eventfold.django import Count, CountDistinct, First, KeyOf, Latest, Lookup, Max, ReadModel, Sum
from tests.django.lending.events import Counted, Joined, Left, Lent, Moved, Scrapped, Sold


class Readers(ReadModel):
    book = models.BigIntegerField()
    branch = models.CharField(max_length=20)
    loans = models.PositiveIntegerField(default=0)
    people = models.PositiveIntegerField(default=0)
    members = models.PositiveIntegerField(default=0)
    fees = models.PositiveIntegerField(null=True)
    days = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["book", "branch"], name="%(class)s_key")]


class InlineReaders(Readers):
    class Projection:
        key = ("book", "branch")
        loans = Count(Lent)
        people = CountDistinct((Lent, "member"), (Sold, "buyer"))
        members = Count(Lent, "member", distinct=True, filter=~Q(member__startswith="staff"), cleared_by=Counted)
        fees = CountDistinct(Lent, "fee", initial=None)
        days = CountDistinct(Lent, TruncDate("created"))
        delete_on = Scrapped


class AsyncReaders(Readers):
    class Projection:
        lifecycle = "async"
        key = ("book", "branch")
        loans = Count(Lent)
        people = CountDistinct((Lent, "member"), (Sold, "buyer"))
        members = Count(Lent, "member", distinct=True, filter=~Q(member__startswith="staff"), cleared_by=Counted)
        fees = CountDistinct(Lent, "fee", initial=None)
        days = CountDistinct(Lent, TruncDate("created"))
        delete_on = Scrapped


class LiveReaders(Readers):
    class Projection:
        lifecycle = "live"
        key = ("book", "branch")
        loans = Count(Lent)
        people = CountDistinct((Lent, "member"), (Sold, "buyer"))
        members = Count(Lent, "member", distinct=True, filter=~Q(member__startswith="staff"), cleared_by=Counted)
        fees = CountDistinct(Lent, "fee", initial=None)
        days = CountDistinct(Lent, TruncDate("created"))
        delete_on = Scrapped


class Branch(ReadModel):
    branch = models.CharField(max_length=20, primary_key=True)
    people = models.IntegerField(default=0)

    class Projection:
        key = "branch"
        people = Count(Lent, "member", distinct=True)
        delete_on = Scrapped


class Member(ReadModel):
    """Looked up by the others."""

    member = models.CharField(max_length=20, primary_key=True)
    city = models.CharField(max_length=20, null=True)
    first_city = models.CharField(max_length=20, default="nowhere")
    moves = models.IntegerField(default=0)
    fees = models.DecimalField(max_digits=8, decimal_places=2, default=0)

    class Projection:
        lifecycle = "async"  # it does not matter how far it is
        key = "member"
        city = Latest((Joined, "city"), (Moved, "city"))
        first_city = First(Moved, "city", cleared_by=Joined)
        moves = Count(Moved)
        fees = Sum(Moved, "fee", filter=~Q(city="b"))
        delete_on = Left


class City(ReadModel):
    city = models.CharField(max_length=20, primary_key=True)
    loans = models.PositiveIntegerField(default=0)
    sales = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    came = models.PositiveIntegerField(default=0)
    people = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


CITY = KeyOf(
    (Lent, Lookup(Member, "member", "city")),
    (Sold, Lookup("lending.Member", "buyer", "city")),
    (Moved, Lookup(Member, "member", "city")),
    (Left, Lookup(Member, "member", "city")),
    (Joined, "city"),
)


class InlineCity(City):
    class Projection:
        key = "city"
        city = CITY
        loans = Count(Lent)
        sales = Count(Sold)
        left = Count(Moved, Left)
        came = Count(Joined)
        people = CountDistinct(Lent, "member")


class AsyncCity(City):
    class Projection:
        lifecycle = "async"
        key = "city"
        city = CITY
        loans = Count(Lent)
        sales = Count(Sold)
        left = Count(Moved, Left)
        came = Count(Joined)
        people = CountDistinct(Lent, "member")


class LiveCity(City):
    class Projection:
        lifecycle = "live"
        key = "city"
        city = CITY
        loans = Count(Lent)
        sales = Count(Sold)
        left = Count(Moved, Left)
        came = Count(Joined)
        people = CountDistinct(Lent, "member")


class LoanList(ReadModel):
    """What is looked up as a value."""

    book = models.BigIntegerField(primary_key=True)
    city = models.CharField(max_length=20, null=True)
    first_city = models.CharField(max_length=20, null=True)
    most_moves = models.IntegerField(null=True)
    fees = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    from_a = models.PositiveIntegerField(default=0)

    class Projection:
        key = "book"
        city = Latest(Lent, Lookup(Member, "member", "city"))
        first_city = Latest(Lent, Lookup(Member, "member", "first_city"))
        most_moves = Max(Lent, Lookup(Member, "member", "moves"))
        fees = Sum(Lent, Lookup(Member, "member", "fees"))
