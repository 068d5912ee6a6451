"""What the read models would be without eventfold."""

from django.db import models


class PlainLoans(models.Model):
    book = models.BigIntegerField(primary_key=True)
    loans = models.IntegerField(default=0)
    longest = models.IntegerField(default=0)
    reader = models.CharField(max_length=100, default="")
