"""What is true now. What was true before is overwritten."""

from django.conf import settings
from django.db import models


class Book(models.Model):
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200)
    borrow_count = models.PositiveIntegerField(default=0)
    borrowed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    borrowed_on = models.DateField(null=True, blank=True)

    def __str__(self):
        return self.title
