"""Tables and fields that real projects have, and that are like no other."""

from django.db import models

from eventfold.django import track


class Colour:
    def __init__(self, name):
        self.name = name


class ColourField(models.CharField):
    """A field whose class takes no argument."""

    def __init__(self):
        super().__init__(max_length=20)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, kwargs

    def from_db_value(self, value, expression, connection):
        return Colour(value)

    def get_prep_value(self, value):
        return value.name


class Document(models.Model):
    scan = models.FileField(upload_to="scans", null=True)
    cover = models.ImageField(blank=True)
    colour = ColourField()
    pages = models.IntegerField(default=0, db_column="how many 'pages'; -- select")

    class Meta:
        db_table = "all my.documents"  # an apostrophe more, and Django's own flush fails


class Entry(models.Model):
    place = models.IntegerField(default=0)


class Runner(Entry):
    """A through model with a parent."""

    document = models.ForeignKey(Document, models.CASCADE)
    race = models.ForeignKey("Race", models.CASCADE)


class FastRunner(Runner):
    class Meta:
        proxy = True


class Race(models.Model):
    documents = models.ManyToManyField(Document, through=FastRunner)


track(Document)
track(Race)
