"""What the events and read models would be without eventfold."""

from django.db import models


class Loan(models.Model):
    created = models.DateTimeField(auto_now_add=True)
    book = models.BigIntegerField()
    borrowed_by = models.CharField(max_length=100)


class LoanCount(models.Model):
    book = models.BigIntegerField(primary_key=True)
    n = models.PositiveIntegerField(default=0)


class Title(models.Model):
    created = models.DateTimeField(auto_now_add=True)
    book = models.BigIntegerField()
    title = models.CharField(max_length=200)


class PlainCatalogue(models.Model):
    book = models.BigIntegerField(primary_key=True)
    n = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=200)
