"""Tracked tables whose past is read: each kind of key, and relations between them."""

import uuid

from django.db import models
from django.db.models.functions import Upper


class Room(models.Model):
    """Not tracked itself."""

    name = models.CharField(max_length=20)


class Artist(models.Model):
    """Not tracked itself."""

    name = models.CharField(max_length=20)


class Piece(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50, unique=True, db_collation="NOCASE")
    room = models.ForeignKey(Room, null=True, on_delete=models.SET_NULL)
    part_of = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="parts")
    artists = models.ManyToManyField(Artist)
    weight = models.FloatField(default=0)
    alarm = models.CharField(max_length=20, default="silent")
    remarks = models.TextField(default="none")
    loud = models.GeneratedField(
        expression=Upper("name"), output_field=models.CharField(max_length=50), db_persist=True
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(weight__gte=0), name="museum_weight")]
        indexes = [models.Index(fields=["weight"], name="museum_piece_weight")]


class Painting(Piece):
    width = models.IntegerField(default=1)


class Coin(models.Model):
    """A key that a slot of the log cannot hold as it is."""

    worth = models.DecimalField(max_digits=8, decimal_places=2, primary_key=True)
    count = models.IntegerField(default=0)


class Seat(models.Model):
    pk = models.CompositePrimaryKey("row", "mark")
    row = models.IntegerField()
    mark = models.CharField(max_length=5)
    taken = models.BooleanField(default=False)


class Sign(models.Model):
    """A text as a key, whose order is not that of the log."""

    text = models.CharField(max_length=20, primary_key=True, db_collation="NOCASE")
    height = models.IntegerField(default=0)
