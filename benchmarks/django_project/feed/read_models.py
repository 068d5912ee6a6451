from django.db import models

from benchmarks.django_project.feed.events import PageSeen
from eventfold.django import Count, ReadModel


class PageCount(ReadModel):
    page = models.BigIntegerField(primary_key=True)
    n = models.PositiveIntegerField(default=0)

    class Projection:
        lifecycle = "async"
        key = "page"
        n = Count(PageSeen)
