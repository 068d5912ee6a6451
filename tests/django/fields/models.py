"""What Everything would be without eventfold: the views are compared with this table."""

from django.db import models

from tests.django.fields.columns import Columns


class Plain(Columns):
    position = models.BigAutoField(primary_key=True)
    created = models.DateTimeField(auto_now_add=True)
