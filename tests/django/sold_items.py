"""Models of a shop for tests with several processes: what is sold, counted inline, by a follower and in Python."""

SOLD_ITEMS = """
from django.db.models import F
from eventfold.django import Count, Latest, Max, ReadModel, Sum, on, projector, track

class Sold(Event):
    item = models.BigIntegerField()
    price = models.IntegerField()
    weight = models.FloatField(default=0)

@track
class Shelf(models.Model):
    name = models.CharField(max_length=20)

class Item(ReadModel):
    item = models.BigIntegerField(primary_key=True)
    sold = models.IntegerField(default=0)
    earned = models.IntegerField(default=0)
    weight = models.FloatField(default=0)
    last = models.BigIntegerField(null=True)
    class Meta:
        abstract = True

class Inline(Item):
    class Projection:
        key = "item"
        sold = Count(Sold)
        earned = Sum(Sold, "price")
        weight = Sum(Sold, "weight")
        last = Max(Sold, "position")

class Native(Item):
    class Projection:
        lifecycle = "async"
        key = "item"
        sold = Count(Sold)
        earned = Sum(Sold, "price")
        weight = Sum(Sold, "weight")
        last = Max(Sold, "position")

class Handled(Item):
    class Projection:
        lifecycle = "async"
        key = "item"
        @on(Sold)
        def sells(row, event):
            row.sold += 1
            row.earned += event.price
            row.weight += event.weight or 0
            row.last = event.position
"""
