"""The same fields for an event class and for an ordinary table."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class UpperField(models.Field):
    """A custom field that has nothing but a database type: upper-case letters."""

    def db_type(self, connection):
        return "varchar(20)"

    def from_db_value(self, value, expression, connection):
        return value if value is None else f"<{value}>"

    def get_prep_value(self, value):
        return value if value is None else str(value).strip("<>").upper()

    def to_python(self, value):
        return value if value is None else f"<{self.get_prep_value(value)}>"


class Columns(models.Model):
    """`n` tells the rows apart; each other field may be null."""

    n = models.IntegerField()
    char = models.CharField(max_length=200, null=True, blank=True)
    text = models.TextField(null=True, blank=True)
    slug = models.SlugField(max_length=200, null=True, blank=True, db_index=False)
    email = models.EmailField(null=True, blank=True)
    url = models.URLField(max_length=500, null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    choice = models.CharField(max_length=1, choices=[("a", "A"), ("b", "B")], null=True, blank=True)
    upper = UpperField(null=True, blank=True)
    flag = models.BooleanField(null=True, blank=True)
    small = models.SmallIntegerField(null=True, blank=True)
    integer = models.IntegerField(null=True, blank=True)
    big = models.BigIntegerField(null=True, blank=True)
    positive_small = models.PositiveSmallIntegerField(null=True, blank=True)
    positive = models.PositiveIntegerField(null=True, blank=True)
    positive_big = models.PositiveBigIntegerField(null=True, blank=True)
    real = models.FloatField(null=True, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=3, null=True, blank=True)
    day = models.DateField(null=True, blank=True)
    clock = models.TimeField(null=True, blank=True)
    moment = models.DateTimeField(null=True, blank=True)
    period = models.DurationField(null=True, blank=True)
    uuid = models.UUIDField(null=True, blank=True)
    json = models.JSONField(null=True, blank=True)
    encoded = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    binary = models.BinaryField(null=True, blank=True, editable=True)
    # these four have an index each, and so a slot of the log
    indexed_number = models.BigIntegerField(null=True, blank=True, db_index=True)
    indexed_flag = models.BooleanField(null=True, blank=True, db_index=True)
    indexed_text = models.CharField(max_length=200, null=True, blank=True, db_index=True)
    indexed_moment = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        abstract = True
