from django.db import models

from eventfold.django import Event


class PageSeen(Event):
    page = models.BigIntegerField()
