from django.db import models

from eventfold.django import track


@track
class Shop(models.Model):
    """Its rows are changed by other programs too."""

    name = models.CharField(max_length=20)
