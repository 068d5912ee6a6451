"""The temporary tables of a long replay by projectors, saved on the way: they go with their connection."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
from eventfold.django import shadow
from eventfold.django.gate import native
from eventfold.django.saved_replays import Saving
from eventfold.errors import CorruptLog

_ROWS = 1000  # that are read or written at once
_PART = 250_000  # letters that are written in one transaction
_MOST_OF_THE_TIME = 20  # the part of it that saving may take


class SavedShadows:
    """Fills the temporary tables of some models with what an earlier replay has saved, and saves what they hold."""

    def __init__(self, connection: BaseDatabaseWrapper, models: Sequence[Any], definition: str, saving: Saving) -> None:
        self._connection = connection
        self._models = {model._meta.label: model for model in models}
        self._saving = saving
        self._next = 0.0
        name = ",".join(self._models)
        self._saved = self._call(lambda log: _core.SavedReplay(log, name, definition))
        self._possible = self._call(lambda log: self._saved.possible())

    def fill(self, until: int) -> int:
        """Fill the tables, which are empty; return up to which position of the log that is right."""
        self._next = time.monotonic() + self._saving.seconds
        if not self._possible:
            return 0
        if self._saving.anew:
            self.drop()
        try:
            position, parts = self._call(lambda log: self._saved.load(until))
        except CorruptLog:
            self.drop()
            return 0
        for part in parts:
            label, rows = json.loads(part)
            self._insert(self._models[label], rows)
        if position:
            for model in self._models.values():
                self._saving.resumes(model, position)
        return int(position)

    def is_due(self) -> bool:
        """Whether it is time to save."""
        return self._possible and time.monotonic() >= self._next

    def save(self, position: int) -> None:
        """Save the tables, which follow from the events up to a position."""
        began = time.monotonic()
        parts = [part for label, model in self._models.items() for part in self._parts(label, model)]
        self._call(lambda log: self._saved.save(position, parts))
        now = time.monotonic()
        # more often it would take too much of the time
        pause = max(self._saving.seconds, _MOST_OF_THE_TIME * (now - began)) if self._saving.seconds else 0
        self._next = now + pause

    def drop(self) -> None:
        """Within a transaction, perhaps: nothing is saved."""
        if self._possible:
            self._call(lambda log: self._saved.drop())

    def clean_up(self) -> None:
        """After drop(), and its transaction."""
        if self._possible:
            self._call(lambda log: self._saved.clean_up())

    def _call(self, operation: Any) -> Any:
        return native(self._connection, "eventfold: saved replay", operation)

    def _parts(self, label: str, model: Any) -> Iterator[bytes]:
        rows: list[str] = []
        size = 0
        for row in self._rows(model):
            rows.append(json.dumps(row, default=_as_json))
            size += len(rows[-1])
            if size > _PART:
                yield _part(label, rows)
                rows, size = [], 0
        if rows:
            yield _part(label, rows)

    def _rows(self, model: Any) -> Iterator[tuple[Any, ...]]:
        quote = self._connection.ops.quote_name
        # a plus, so that the values come as they are stored, and not as what a column is declared to be
        columns = ", ".join(f"+{quote(column)}" for column in shadow.written_columns(model))
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM temp.{quote(model._meta.db_table)}")
            while rows := cursor.fetchmany(_ROWS):
                yield from rows

    def _insert(self, model: Any, rows: list[list[Any]]) -> None:
        quote = self._connection.ops.quote_name
        columns = shadow.written_columns(model)
        sql = (
            f"INSERT INTO temp.{quote(model._meta.db_table)} ({', '.join(map(quote, columns))}) "
            f"VALUES ({', '.join(['%s'] * len(columns))})"
        )
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, [[_from_json(value) for value in row] for row in rows])


def _part(label: str, rows: list[str]) -> bytes:
    return f"[{json.dumps(label)}, [{', '.join(rows)}]]".encode()


def _as_json(value: Any) -> dict[str, str]:
    return {"bytes": bytes(value).hex()}


def _from_json(value: Any) -> Any:
    return bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value
