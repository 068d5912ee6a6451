"""Numbers of different values three times: kept by appends, by a follower, and by nobody."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import TruncDate

from eventfold.django import Count, CountDistinct, ReadModel
from tests.django.lending.events import Counted, Lent, Scrapped, Sold


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
