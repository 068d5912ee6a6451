"""Django's flush, which empties the log too (test_databases.py), and so asks twice."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import flush
from django.db import connections

from eventfold.django.test_databases import ALLOWED, check_flush


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
        allowed = bool(options.get("events"))
        events = check_flush(connection, allowed)
        if events and options["interactive"]:
            self.stdout.write(self.style.WARNING(f"This includes {events} recorded events."))
        setattr(connection, ALLOWED, allowed)
        try:
            super().handle(**options)
        finally:
            delattr(connection, ALLOWED)
