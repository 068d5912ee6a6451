"""`manage.py events <subcommand>`: one command, so that an app's own command names stay free."""

import os
import sys
from argparse import SUPPRESS
from copy import copy
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from eventfold.django.event_views import has_log
from eventfold.django.management import subcommands
from eventfold.errors import EventfoldError


class Command(BaseCommand):
    help = "Look at the event log, and rebuild read models from it."

    def add_arguments(self, parser: CommandParser) -> None:
        added = parser.add_subparsers(dest="subcommand", required=True, title="subcommands")
        own = ("help", "version")
        common = [action for action in parser._actions if action.option_strings and action.dest not in own]
        for name, module in _subcommands().items():
            subparser = added.add_parser(name, help=module.HELP)
            for action in common:  # Django's own, such as -v, are taken after the subcommand too
                action = copy(action)
                action.default = SUPPRESS
                subparser._add_action(action)
            subparser.add_argument(
                "--database", default=DEFAULT_DB_ALIAS, help='Alias of the database. Defaults to "default".'
            )
            module.add_arguments(subparser)

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        if alias not in connections:
            raise CommandError(f"There is no database {alias!r}; there are {', '.join(connections)}.")
        if not has_log(connections[alias]):
            raise CommandError(
                f"The database {alias!r} has no event log: run `manage.py migrate --database {alias}` first."
            )
        try:
            _subcommands()[options["subcommand"]].handle(self, options)
        except EventfoldError as error:
            raise CommandError(str(error)) from error
        except BrokenPipeError:  # `events show | head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _subcommands() -> dict[str, ModuleType]:
    return {
        module.name: import_module(f"{subcommands.__name__}.{module.name}")
        for module in iter_modules(subcommands.__path__)
    }
