"""What the tests of read models share."""

import datetime
from uuid import UUID

from django.core.management import call_command
from django.db import connections
from django.db.models import QuerySet

from tests.django.shelves.events import Cleared, Noted, Stored, Taken
from tests.django.shelves.read_models import Author, Clearing, Diary, Longest, Place, Word

MODELS = (Place, Diary, Clearing, Author, Word, Longest)
MOMENT = datetime.datetime(2024, 3, 31, 12, 0, 0, 250, tzinfo=datetime.timezone.utc)
CODE = UUID("0190a5b0-7c3e-7c11-8000-0123456789ab")


def rows(model, using="default"):
    """All rows, without the numbers that the database gives out."""
    fields = [field.attname for field in model._meta.concrete_fields if field.name != "id"]
    return sorted(model.objects.using(using).values_list(*fields))


def all_rows(using="default"):
    return {model.__name__: rows(model, using) for model in MODELS}


def by_hand(model, using="default"):
    """Past the manager, which refuses it."""
    return QuerySet(model, using=using)


def replayed(*labels, **options):
    call_command("events", "replay", *labels, **{"verbosity": 0, **options})


def given_some_events(using="default"):
    store = Stored.objects.using(using).create
    store(shelf="a", row=1, title="One", weight="1.10", length=0.1, acquired=MOMENT, tags=["x", {"y": 1.5}], code=CODE)
    store(shelf="a", row=1, title="Two", weight="2.20", length=0.2)
    Taken.objects.using(using).create(shelf="a", row=1, by="ann")
    store(shelf="b", row=1, title='Ž\n"quoted"', length=-0.5)
    store(shelf="b", row=2, title="Gone")
    Cleared.objects.using(using).create(shelf="b", row=2)
    for author, words in (("bob", 3), ("eve", 11), ("bob", 4)):
        Noted.objects.using(using).create(author=author, words=words)


def corrupt(event, data, using="default"):
    """Change what a recorded event says, as a damaged file or a foreign program might."""
    with connections[using].cursor() as cursor:
        cursor.execute("INSERT INTO eventfold_unlocked VALUES ('test')")
        cursor.execute("UPDATE eventfold_event SET data = %s WHERE position = %s", [data, event.position])
        cursor.execute("DELETE FROM eventfold_unlocked")


def record_by_another_program(data, like, using="default"):
    """Append an event of the type of another one that no class has validated and no read model has seen."""
    raw = connections[using].connection  # past Django's cursor, which would fold it at once
    raw.execute(
        "INSERT INTO eventfold_event (position, type_id, created, data, event_id) "
        "SELECT head + 1, (SELECT type_id FROM eventfold_event WHERE position = ?), last_created, ?, x'00' "
        "FROM eventfold_header",
        [like.position, data],
    )
    raw.execute("UPDATE eventfold_header SET head = head + 1, stamp = random()")
