"""`manage.py events letters list|show|retry|discard`"""

import json
from datetime import datetime, timezone
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from eventfold.django.event_views import table_names
from eventfold.django.following.letters import Letter, read_letter, read_letters
from eventfold.django.following.retrying import Letters, label_of
from eventfold.django.recorded import read_event

HELP = "Show, retry or discard dead letters: events that a read model or a reactor could not take."
_ACTIONS = {
    "list": "the letters, of all or of those that are named",
    "show": "a letter with its event",
    "retry": "take the events anew, in the order of the log",
    "discard": "forget them: to the read model or reactor they never happened",
}


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "action", choices=list(_ACTIONS), help="; ".join(f"{name}: {what}" for name, what in _ACTIONS.items())
    )
    parser.add_argument(
        "letters", nargs="*", metavar="ID|NAME", help="Numbers of letters, or names of read models and reactors."
    )
    parser.add_argument("--all", action="store_true", help="All letters of the database, to retry or discard.")
    parser.add_argument("--json", action="store_true", help="Of list and show: as JSON.")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    alias, action = options["database"], options["action"]
    if "eventfold_dead_letter" not in table_names(connections[alias]):
        raise CommandError(
            f"The log of the database {alias!r} is of an earlier release: run `manage.py migrate --database {alias}` "
            "first."
        )
    connections[alias].ensure_connection()
    if options["json"] and action not in ("list", "show"):
        raise CommandError("--json is for list and show.")
    if options["all"] and (options["letters"] or action not in ("retry", "discard")):
        raise CommandError("--all is for retry and discard, and names no letters.")
    if not options["letters"] and not options["all"] and action != "list":
        raise CommandError(f"Say which letters to {action}, by number or by the name of a read model or reactor.")
    letters = _chosen(options["letters"], alias)
    if action == "list":
        _list(command, letters, alias, options["json"])
    elif action == "show":
        _show(command, letters, alias, options["json"])
    elif action == "retry":
        _retry(command, letters, alias)
    else:
        _discard(command, letters, alias)


def _chosen(wanted: list[str], alias: str) -> list[Letter]:
    connection = connections[alias]
    every = read_letters(connection)
    if not wanted:
        return every
    chosen: dict[int, Letter] = {}
    for each in wanted:
        if each.isdecimal():
            found = [letter for letter in every if letter.id == int(each)]
            if not found:
                raise CommandError(f"There is no letter {each} in the database {alias!r}.")
        else:
            found = [letter for letter in every if label_of(letter).lower() == each.lower()]
        chosen.update({letter.id: letter for letter in found})
    return sorted(chosen.values(), key=lambda letter: (letter.name, letter.position))


def _list(command: BaseCommand, letters: list[Letter], alias: str, as_json: bool) -> None:
    if as_json:
        command.stdout.write(json.dumps([_as_json(letter, alias) for letter in letters], indent=2))
        return
    if not letters:
        command.stdout.write("There is no dead letter.")
    for letter in letters:
        event = read_event(alias, letter.position)
        what = f"{label_of(letter)}, {event[2] if event else 'an event that is gone'} at position {letter.position:,}"
        command.stdout.write(f"{letter.id}: {what}: {_state(letter)}")


def _state(letter: Letter) -> str:
    if letter.waits:
        return "waits for an earlier one of the same row"
    return f"failed {letter.failures} time{'s' * (letter.failures != 1)}: {letter.error}"


def _show(command: BaseCommand, letters: list[Letter], alias: str, as_json: bool) -> None:
    shown = [_as_json(letter, alias) for letter in letters]
    if as_json:
        command.stdout.write(json.dumps(shown, indent=2))
        return
    for each in shown:
        command.stdout.write(f"Letter {each['id']} of {each['name']}")
        for name in ("position", "type", "event_id", "created", "keys", "failures", "error", "put_at", "tried_at"):
            if each[name] is not None:
                command.stdout.write(f"  {name}: {each[name]}")
        command.stdout.write(f"  data: {json.dumps(each['data'], ensure_ascii=False)}")


def _as_json(letter: Letter, alias: str) -> dict[str, Any]:
    event = read_event(alias, letter.position)
    return {
        "id": letter.id,
        "name": label_of(letter),
        "kind": "reactor" if letter.name != label_of(letter) else "read_model",
        "position": letter.position,
        "type": event[2] if event else None,
        "event_id": str(event[1].hex()) if event else None,
        "created": _moment(event[6] / 1000) if event else None,
        "data": json.loads(event[3]) if event else None,
        "keys": [json.loads(key) for key in sorted(letter.keys)],
        "waits": letter.waits,
        "failures": letter.failures,
        "error": letter.error,
        "put_at": _moment(letter.put_at),
        "tried_at": _moment(letter.tried_at),
    }


def _moment(milliseconds: float | None) -> str | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat()


def _retry(command: BaseCommand, letters: list[Letter], alias: str) -> None:
    trying = _Trying(command, alias)
    for letter in letters:
        if letter.id in trying.tried or (len(letters) > 1 and trying.letters.waits_for(letter) is not None):
            continue
        if trying.take(letter):
            trying.take_freed(letter)
    waiting = sum(
        letter.id not in trying.tried and read_letter(connections[alias], letter.id) is not None for letter in letters
    )
    command.stdout.write(f"{trying.taken} taken, {trying.failed} failed, {waiting} wait")
    if trying.failed or waiting:
        raise CommandError("Not every letter could be taken, as said above.")


def _discard(command: BaseCommand, letters: list[Letter], alias: str) -> None:
    trying = _Trying(command, alias)
    for letter in letters:
        trying.letters.discard(letter)
    for letter in letters:
        trying.take_freed(letter)
    command.stdout.write(
        f"{len(letters)} discarded; of those that waited for them, {trying.taken} taken, {trying.failed} failed"
    )
    if trying.failed:
        raise CommandError("Not every letter that waited could be taken, as said above.")


class _Trying:
    """One run through letters: each is tried once."""

    def __init__(self, command: BaseCommand, alias: str) -> None:
        self.letters = Letters(alias)
        self.taken = self.failed = 0
        self.tried: set[int] = set()
        self._command = command

    def take(self, letter: Letter) -> bool:
        error = self.letters.retry(letter)
        self.tried.add(letter.id)
        self.taken += not error
        self.failed += bool(error)
        if error:
            self._command.stderr.write(f"{letter.id}: {label_of(letter)} at position {letter.position:,}: {error}")
        return not error

    def take_freed(self, letter: Letter) -> None:
        for freed in self.letters.freed(letter.name, letter.keys):
            self.take(freed)
