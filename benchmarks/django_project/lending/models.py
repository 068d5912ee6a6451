"""What the ORM would keep: a table of loans, and the three tables that follow from it."""

from django.db import models


class Loan(models.Model):
    book = models.BigIntegerField()
    reader = models.BigIntegerField()
    title = models.CharField(max_length=200)
    created = models.DateTimeField(auto_now_add=True)


class BookTotal(models.Model):
    book = models.BigIntegerField(primary_key=True)
    loans = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=200)


class ReaderTotal(models.Model):
    reader = models.BigIntegerField(primary_key=True)
    loans = models.PositiveIntegerField(default=0)
    last_book = models.BigIntegerField(null=True)


class DayTotal(models.Model):
    day = models.DateField(primary_key=True)
    loans = models.PositiveIntegerField(default=0)
