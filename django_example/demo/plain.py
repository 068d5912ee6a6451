"""The same without eventfold, for comparison: a table of what happened, and a list that is kept beside it.

Unmanaged: `manage.py demo` makes the tables in a database that it throws away.
"""

from django.db import connection, models
from django.db.models import F

BORROWED, RETURNED = 1, 2


class LoanRecord(models.Model):
    """One row for each loan and each return, with an index that finds those of a book."""

    kind = models.PositiveSmallIntegerField(choices=[(BORROWED, "borrowed"), (RETURNED, "returned")])
    book = models.BigIntegerField(db_index=True)
    day = models.DateField()
    reader = models.CharField(max_length=150)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        managed = False


class LoanList(models.Model):
    book = models.BigIntegerField(primary_key=True)
    borrow_count = models.PositiveIntegerField(default=0)
    borrowed_by = models.CharField(max_length=150, null=True)
    borrowed_on = models.DateField(null=True)

    class Meta:
        managed = False


def make_tables():
    with connection.schema_editor() as editor:
        editor.create_model(LoanRecord)
        editor.create_model(LoanList)


def keep_list(record):
    """Bring the list up to date with one record, as a post_save receiver would."""
    row = LoanList.objects.filter(pk=record.book)
    if record.kind == BORROWED:
        row.update(borrow_count=F("borrow_count") + 1, borrowed_by=record.reader, borrowed_on=record.day)
    else:
        row.update(borrowed_by=None, borrowed_on=None)


def rebuild_list():
    """Make the list anew from the records: in Python, with as few queries as can be."""
    rows = {}
    for record in LoanRecord.objects.order_by("pk").iterator(chunk_size=2000):
        row = rows.get(record.book)
        if row is None:
            row = rows[record.book] = LoanList(book=record.book)
        if record.kind == BORROWED:
            row.borrow_count += 1
            row.borrowed_by, row.borrowed_on = record.reader, record.day
        else:
            row.borrowed_by = row.borrowed_on = None
    LoanList.objects.all().delete()
    LoanList.objects.bulk_create(rows.values())
