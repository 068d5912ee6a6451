"""Django's flush, which empties the log and the read models too: last, and together."""

from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError
from django.core.management.commands import flush
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import _TestState

from eventfold import _core
from eventfold.django import event_views
from eventfold.django.gate import native
from eventfold.django.view_sql import quote_name


class Command(flush.Command):
    help = (
        "Removes ALL DATA from the database, including data added during migrations. Does not achieve a "
        '"fresh install" state. Events are removed too: on a database that is no test database only with --events.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--events",
            action="store_true",
            help="Remove the recorded events too, although this is no test database. They cannot be got back.",
        )

    def handle(self, **options: Any) -> None:
        alias = options["database"]
        connection = connections[alias]
        if not event_views.has_log(connection):
            super().handle(**options)
            return
        events = event_views.count_events(connection)
        if events and not options.get("events") and not _is_test_database(connection):
            raise CommandError(
                f"The log of the database {alias!r} holds {events} events, which would be lost for ever. If you mean "
                "it, run `manage.py flush --events`; every read model is emptied with it."
            )
        if options["interactive"] and not self._confirmed(connection, events):
            self.stdout.write("Flush cancelled.")
            return
        with transaction.atomic(using=alias):
            super().handle(**{**options, "interactive": False, "inhibit_post_migrate": True})
            # Triggers may have recorded events while rows went, so the log is last. Whatever available_apps says:
            # a read model must never outlive its events.
            for table in _read_model_tables(alias):
                with connection.cursor() as cursor:
                    cursor.execute(f"DELETE FROM {quote_name(table)}")
            native(connection, "eventfold: empty", _core.Log.empty)
        if not options.get("inhibit_post_migrate"):
            emit_post_migrate_signal(options["verbosity"], options["interactive"], alias)

    def _confirmed(self, connection: BaseDatabaseWrapper, events: int) -> bool:
        answer = input(
            "You have requested a flush of the database.\n"
            f'This will IRREVERSIBLY DESTROY all data currently in the "{connection.settings_dict["NAME"]}" database,\n'
            f"its {events} recorded events included, and return each table to an empty state.\n"
            "Are you sure you want to do this?\n\n    Type 'yes' to continue, or 'no' to cancel: "
        )
        return answer == "yes"


def _is_test_database(connection: BaseDatabaseWrapper) -> bool:
    return (
        hasattr(_TestState, "saved_data")  # tests are running
        or connection.is_in_memory_db()  # type: ignore[attr-defined]
        or str(connection.settings_dict["NAME"]) == str(connection.creation._get_test_db_name())
    )


def _read_model_tables(alias: str) -> list[str]:
    from eventfold.django.read_models import ReadModel

    tables = event_views.table_names(connections[alias])
    return [
        model._meta.db_table
        for models in apps.all_models.values()  # not get_models(), which available_apps restricts
        for model in models.values()
        if issubclass(model, ReadModel)
        and model._meta.managed
        and model._meta.db_table in tables
        and router.allow_migrate_model(alias, model)
    ]
