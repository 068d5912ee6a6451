"""What a worker of one's own would keep: a table of requests, the counts, and how far it has come."""

from django.db import models


class Request(models.Model):
    page = models.BigIntegerField()


class RequestCount(models.Model):
    page = models.BigIntegerField(primary_key=True)
    n = models.PositiveIntegerField(default=0)


class Seen(models.Model):
    request = models.BigIntegerField(default=0)
