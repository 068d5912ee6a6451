"""Twenty read models of one library: of three event types, by eight keys, of 5 to 100 k rows."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import TruncDate, TruncHour, TruncMonth, TruncYear

from benchmarks.django_project.many.events import Lent, Rated, Returned
from eventfold.django import Count, First, Latest, Max, Min, ReadModel, Sum


class ByBook(ReadModel):
    book = models.BigIntegerField(primary_key=True)

    class Meta:
        abstract = True


class ByReader(ReadModel):
    reader = models.BigIntegerField(primary_key=True)

    class Meta:
        abstract = True


class ByBranch(ReadModel):
    branch = models.CharField(max_length=20, primary_key=True)

    class Meta:
        abstract = True


class BookLoans(ByBook):
    n = models.IntegerField(default=0)
    last_reader = models.BigIntegerField(null=True)

    class Projection:
        key = "book"
        n = Count(Lent)
        last_reader = Latest(Lent, "reader")


class BookPlace(ByBook):
    lent_to = models.BigIntegerField(null=True)
    branch = models.CharField(max_length=20, null=True)

    class Projection:
        key = "book"
        lent_to = Latest(Lent, "reader", cleared_by=Returned)
        branch = Latest((Lent, "branch"), (Returned, "branch"))


class BookFees(ByBook):
    total = models.IntegerField(default=0)
    most = models.IntegerField(null=True)

    class Projection:
        key = "book"
        total = Sum(Lent, "fee")
        most = Max(Lent, "fee")


class BookStars(ByBook):
    stars = models.IntegerField(default=0)
    ratings = models.IntegerField(default=0)

    class Projection:
        key = "book"
        stars = Sum(Rated, "stars")
        ratings = Count(Rated)


class BookFirst(ByBook):
    reader = models.BigIntegerField(null=True)
    position = models.BigIntegerField(null=True)

    class Projection:
        key = "book"
        reader = First(Lent, "reader")
        position = Min(Lent, "position")


class ReaderLoans(ByReader):
    n = models.IntegerField(default=0)
    last_book = models.BigIntegerField(null=True)

    class Projection:
        key = "reader"
        n = Count(Lent)
        last_book = Latest(Lent, "book")


class ReaderNow(ByReader):
    books = models.IntegerField(default=0)

    class Projection:
        key = "reader"
        books = Sum((Lent, 1), (Returned, -1))


class ReaderFees(ByReader):
    total = models.IntegerField(default=0)
    dear = models.IntegerField(default=0)

    class Projection:
        key = "reader"
        total = Sum(Lent, "fee")
        dear = Count(Lent, filter=Q(fee__gte=40))


class ReaderStars(ByReader):
    stars = models.IntegerField(default=0)
    ratings = models.IntegerField(default=0)

    class Projection:
        key = "reader"
        stars = Sum(Rated, "stars")
        ratings = Count(Rated)


class ReaderSeen(ByReader):
    last = models.BigIntegerField(null=True)

    class Projection:
        key = "reader"
        last = Max((Lent, "position"), (Returned, "position"), (Rated, "position"))


class BranchLoans(ByBranch):
    lent = models.IntegerField(default=0)
    returned = models.IntegerField(default=0)

    class Projection:
        key = "branch"
        lent = Count(Lent)
        returned = Count(Returned)


class BranchFees(ByBranch):
    total = models.IntegerField(default=0)

    class Projection:
        key = "branch"
        total = Sum(Lent, "fee")


class BranchLast(ByBranch):
    book = models.BigIntegerField(null=True)

    class Projection:
        key = "branch"
        book = Latest(Returned, "book")


class Stars(ReadModel):
    stars = models.IntegerField(primary_key=True)
    n = models.IntegerField(default=0)

    class Projection:
        key = "stars"
        n = Count(Rated)


class Fees(ReadModel):
    fee = models.IntegerField(primary_key=True)
    n = models.IntegerField(default=0)

    class Projection:
        key = "fee"
        n = Count(Lent)


class Yearly(ReadModel):
    year = models.DateTimeField(primary_key=True)
    lent = models.IntegerField(default=0)

    class Projection:
        key = "year"
        year = TruncYear("created")
        lent = Count(Lent)


class Monthly(ReadModel):
    month = models.DateTimeField(primary_key=True)
    fees = models.IntegerField(default=0)

    class Projection:
        key = "month"
        month = TruncMonth("created")
        fees = Sum(Lent, "fee")


class Daily(ReadModel):
    day = models.DateField(primary_key=True)
    ratings = models.IntegerField(default=0)

    class Projection:
        key = "day"
        day = TruncDate("created")
        ratings = Count(Rated)


class Hourly(ReadModel):
    hour = models.DateTimeField(primary_key=True)
    returned = models.IntegerField(default=0)

    class Projection:
        key = "hour"
        hour = TruncHour("created")
        returned = Count(Returned)


class ReaderBranch(ReadModel):
    reader = models.BigIntegerField(primary_key=True)
    branch = models.CharField(max_length=20, null=True)
    lent = models.IntegerField(default=0)
    returned = models.IntegerField(default=0)

    class Projection:
        key = "reader"
        branch = Latest((Lent, "branch"), (Returned, "branch"))
        lent = Count(Lent)
        returned = Count(Returned)


TWENTY = (
    *(BookLoans, BookPlace, BookFees, BookStars, BookFirst),
    *(ReaderLoans, ReaderNow, ReaderFees, ReaderStars, ReaderSeen),
    *(BranchLoans, BranchFees, BranchLast, ReaderBranch),
    *(Stars, Fees, Yearly, Monthly, Daily, Hourly),
)
