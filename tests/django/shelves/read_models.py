from django.db import models
from django.db.models import F

from eventfold.django import Count, First, Latest, Max, Min, ReadModel, Sum, on, projector
from tests.django.shelves.events import Cleared, Stored, Taken


class Place(ReadModel):
    """A key of two fields, each operation, and each kind that a column may have."""

    shelf = models.CharField(max_length=20)
    row = models.IntegerField()
    stored = models.PositiveIntegerField(default=0)
    taken = models.PositiveIntegerField(default=0)
    first_title = models.CharField(max_length=100, null=True)
    title = models.CharField(max_length=100, null=True)
    taken_by = models.CharField(max_length=20, null=True)
    weight = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    heaviest = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    length = models.FloatField(default=0)
    shortest = models.FloatField(null=True)
    acquired = models.DateTimeField(null=True)
    tags = models.JSONField(null=True)
    code = models.UUIDField(null=True)
    last_event = models.BigIntegerField(null=True)
    last_change = models.DateTimeField(null=True)

    class Projection:
        key = ("shelf", "row")
        stored = Count(Stored)
        taken = Count("shelves.Taken")
        first_title = First(Stored, "title")
        title = Latest(Stored, "title", cleared_by=Taken)
        taken_by = Latest(Taken, "by", cleared_by=Stored)
        weight = Sum(Stored, "weight")
        heaviest = Max(Stored, "weight")
        length = Sum(Stored, "length")
        shortest = Min(Stored, "length")
        acquired = Max(Stored, "acquired")
        tags = Latest(Stored, "tags")
        code = Latest(Stored, "code")
        last_event = Latest((Stored, "position"), (Taken, "position"))
        last_change = Latest((Stored, "created"), (Taken, "created"))
        delete_on = Cleared

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shelf", "row"], name="shelves_place_key")]


class Diary(ReadModel):
    """Rules in Python beside native operations."""

    shelf = models.CharField(max_length=20, primary_key=True)
    stored = models.IntegerField(default=0)
    story = models.TextField(default="")
    latest = models.DateTimeField(null=True)
    weights = models.JSONField(default=list)

    class Projection:
        key = "shelf"
        stored = Count(Stored)

        @on(Stored)
        def was_stored(row, event):
            # native operations of the same event come first
            row.story += f"{row.stored}:{event.title} "
            row.latest = event.created
            if event.weight is not None:
                row.weights.append(str(event.weight))

        @on(Taken)
        def was_taken(row, event):
            row.story += f"taken by {event.by} "


class Clearing(ReadModel):
    """Can be folded on several threads, and needs no Python."""

    shelf = models.CharField(max_length=20, primary_key=True)
    times = models.PositiveIntegerField(default=0)
    row = models.IntegerField(null=True)
    last_event = models.BigIntegerField(null=True)

    class Projection:
        key = "shelf"
        times = Count(Cleared)
        row = Latest(Cleared, "row")
        last_event = Max(Cleared, "position")


class Author(models.Model):
    """Kept by hand, by the receiver below."""

    name = models.CharField(max_length=20, unique=True)
    words = models.IntegerField(default=0)
    notes = models.IntegerField(default=0)


@projector("shelves.Noted", reads="shelves.Author")
def keep_author(sender, instance, using, **kwargs):
    Author.objects.using(using).get_or_create(name=instance.author)
    Author.objects.using(using).filter(name=instance.author).update(
        words=F("words") + instance.words, notes=F("notes") + 1
    )


class Word(ReadModel):
    """Kept together with the next one."""

    name = models.CharField(max_length=20, primary_key=True)
    words = models.IntegerField(default=0)


class Longest(ReadModel):
    """One row for all: what a key cannot say."""

    author = models.CharField(max_length=20)
    words = models.IntegerField(default=0)


@projector("shelves.Noted", reads=[Word, "shelves.Longest"])
def keep_words(event, using):
    word, _ = Word.objects.using(using).get_or_create(name=event.author)
    word.words += event.words
    word.save(using=using)
    Longest.objects.using(using).update_or_create(
        pk=1, defaults=Word.objects.using(using).order_by("-words", "name").values("words", author=F("name"))[0]
    )
