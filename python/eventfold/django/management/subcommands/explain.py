"""`manage.py events explain [app.Model ...]`"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from eventfold.django.explain import explain
from eventfold.django.management.chosen import chosen_read_models
from eventfold.django.registry import known_fields
from eventfold.django.replay import is_projected
from eventfold.django.specification import specification

HELP = "Say in words how read models are made: what is folded natively, what in Python, and what on several threads."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("models", nargs="*", metavar="app.Model", help="Read models; all, if none is named.")
    parser.add_argument(
        "--json", action="store_true", help="Print the specifications as the core takes them; null for a @projector."
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias = options["database"]
    models = chosen_read_models(options["models"], alias, live=True)
    if options["json"]:
        connection, known = connections[alias], known_fields(alias)
        compiled = {
            model._meta.label: specification(model, connection, known) if is_projected(model) else None
            for model in models
        }
        command.stdout.write(json.dumps(compiled, ensure_ascii=False, indent=2))
        return
    if not models:
        command.stdout.write("No read model has a Projection or a @projector.")
    for number, model in enumerate(models):
        if number:
            command.stdout.write("")
        for line in explain(model, alias):
            command.stdout.write(line)
