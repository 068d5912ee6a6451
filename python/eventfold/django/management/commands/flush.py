"""Django's flush, which empties the log too (test_databases.py), and so asks twice."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import flush
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import _TestState

from eventfold.django import event_views


class Command(flush.Command):
    help = (
        "Removes ALL DATA from the database, including data added during migrations. Does not achieve a "
        '"fresh install" state. Events are removed too: on a database that is no test database only with --events.'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--events",
            action="store_true",
            help="Remove the recorded events too, although this is no test database. They cannot be got back.",
        )

    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        if event_views.has_log(connection) and (events := event_views.count_events(connection)):
            if not options.get("events") and not _is_test_database(connection):
                raise CommandError(
                    f"The log of the database {connection.alias!r} holds {events} events, which would be lost for "
                    "ever. If you mean it, run `manage.py flush --events`; every read model is emptied with it."
                )
            if options["interactive"]:
                self.stdout.write(self.style.WARNING(f"This includes {events} recorded events."))
        super().handle(**options)


def _is_test_database(connection: BaseDatabaseWrapper) -> bool:
    return (
        hasattr(_TestState, "saved_data")  # tests are running
        or connection.is_in_memory_db()  # type: ignore[attr-defined]
        or str(connection.settings_dict["NAME"]) == str(connection.creation._get_test_db_name())  # type: ignore[attr-defined]
    )
