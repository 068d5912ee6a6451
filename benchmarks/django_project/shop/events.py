from django.db import models

from eventfold.django import Event


class BookMoved(Event):
    book = models.BigIntegerField()
    shelf = models.BigIntegerField()
