from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator
from django.db import models

from eventfold.django import Event


class BookAdded(Event):
    book = models.BigIntegerField(db_index=True)
    title = models.CharField(max_length=200)


class BookBorrowed(Event):
    book = models.BigIntegerField()
    borrowed_by = models.CharField()  # not a ref

    class Stream:
        name = "book-{book}"


class BookReturned(Event):
    book = models.BigIntegerField()

    class Stream:
        name = "book-{book}"


class BookRemoved(Event):
    book = models.BigIntegerField()


class BookRated(Event):
    """Fields with rules, and a rule across them."""

    book = models.PositiveIntegerField()
    stars = models.PositiveSmallIntegerField(choices=[(n, "*" * n) for n in range(1, 6)])
    rated_by = models.CharField(max_length=5, validators=[MinLengthValidator(2)])
    comment = models.TextField(blank=True)

    def clean(self):
        if self.stars == 1 and not self.comment:
            raise ValidationError({"comment": "Say why."})


class AllFields(Event):
    """One field of each type, and each of them again with null."""

    char = models.CharField(max_length=50, default="c")
    text = models.TextField(default="t")
    slug = models.SlugField(default="s")
    email = models.EmailField(default="ann@example.com")
    url = models.URLField(default="https://example.com/")
    address = models.GenericIPAddressField(default="::1")
    choice = models.CharField(max_length=1, choices=[("a", "A"), ("b", "B")], default="a")
    flag = models.BooleanField(default=False)
    small = models.SmallIntegerField(default=-1)
    integer = models.IntegerField(default=-2)
    big = models.BigIntegerField(default=-3)
    positive_small = models.PositiveSmallIntegerField(default=1)
    positive = models.PositiveIntegerField(default=2)
    positive_big = models.PositiveBigIntegerField(default=3)
    real = models.FloatField(default=0.5)
    amount = models.DecimalField(max_digits=10, decimal_places=2, default="1.50")
    day = models.DateField(default="2020-02-29")
    clock = models.TimeField(default="12:34:56")
    moment = models.DateTimeField(default="2020-02-29T12:34:56.789Z")
    period = models.DurationField(default="1 02:03:04.5")
    uuid = models.UUIDField(default="12345678-1234-5678-1234-567812345678")
    json = models.JSONField(default=dict, blank=True)
    binary = models.BinaryField(default=b"\x00\xff", editable=True)

    null_char = models.CharField(max_length=50, null=True, blank=True)
    null_text = models.TextField(null=True, blank=True)
    null_slug = models.SlugField(null=True, blank=True)
    null_email = models.EmailField(null=True, blank=True)
    null_url = models.URLField(null=True, blank=True)
    null_address = models.GenericIPAddressField(null=True, blank=True)
    null_choice = models.CharField(max_length=1, choices=[("a", "A"), ("b", "B")], null=True, blank=True)
    null_flag = models.BooleanField(null=True, blank=True)
    null_small = models.SmallIntegerField(null=True, blank=True)
    null_integer = models.IntegerField(null=True, blank=True)
    null_big = models.BigIntegerField(null=True, blank=True)
    null_positive = models.PositiveIntegerField(null=True, blank=True)
    null_real = models.FloatField(null=True, blank=True)
    null_amount = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    null_day = models.DateField(null=True, blank=True)
    null_clock = models.TimeField(null=True, blank=True)
    null_moment = models.DateTimeField(null=True, blank=True)
    null_period = models.DurationField(null=True, blank=True)
    null_uuid = models.UUIDField(null=True, blank=True)
    null_json = models.JSONField(null=True, blank=True)
    null_binary = models.BinaryField(null=True, blank=True, editable=True)
