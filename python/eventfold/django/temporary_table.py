"""A temporary table that stands before a model's own: SQLite finds it first, whatever reads or writes by the name."""

import re
from contextlib import suppress
from itertools import count
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

_GONE = "eventfold_past_gone_"
_numbers = count()
_INDEX = re.compile(r'^CREATE\s+(UNIQUE\s+)?INDEX\s+("[^"]*"|\S+)\s+ON', re.IGNORECASE)


def put_away(connection: Any, table: str) -> None:
    """Remove a temporary table, or at least its name: none is dropped while a cursor reads on the connection."""
    raw, quote = connection.connection, connection.ops.quote_name
    if not raw.execute("SELECT 1 FROM temp.sqlite_master WHERE type = 'table' AND name = ?", [table]).fetchone():
        return
    try:
        raw.execute(f"DROP TABLE temp.{quote(table)}")
    except connection.Database.OperationalError:
        raw.execute(f"ALTER TABLE temp.{quote(table)} RENAME TO {quote(f'{_GONE}{next(_numbers)}')}")


def drop_what_was_put_away(connection: Any) -> None:
    """Drop the tables that put_away() could only rename."""
    raw = connection.connection
    with suppress(connection.Database.OperationalError):
        for (table,) in raw.execute(
            "SELECT name FROM temp.sqlite_master WHERE type = 'table' AND substr(name, 1, ?) = ?", [len(_GONE), _GONE]
        ).fetchall():
            raw.execute(f"DROP TABLE temp.{connection.ops.quote_name(table)}")


class TemporaryTable:
    """Has the columns and indexes of a model's table, and nothing that constrains their values."""

    def __init__(self, connection: BaseDatabaseWrapper, model: Any) -> None:
        self._connection = connection
        self._model = model
        self._quote = connection.ops.quote_name
        self._table = self._quote(model._meta.db_table)

    def create(self) -> None:
        """Make it, empty and without indexes."""
        self._run(self._create())

    def create_indexes(self) -> None:
        """Make the indexes that the model's own table has."""
        for sql in self._indexes():
            self._run(sql)

    def _create(self) -> str:
        """The temporary table: the same columns, without what constrains them, since some may be unknown."""
        fields = {str(field.column).lower(): field for field in self._model._meta.local_concrete_fields}
        columns = []
        for name, kind, hidden in self._rows(
            f"SELECT name, type, hidden FROM pragma_table_xinfo({self._table}, 'main') ORDER BY cid"
        ):
            field: Any = fields.get(name.lower())
            column = f"{self._quote(name)} {kind}"
            if collation := field is not None and field.db_parameters(self._connection).get("collation"):
                column += f" COLLATE {self._quote(collation)}"
            if hidden in (2, 3) and field is not None:
                column += f" GENERATED ALWAYS AS ({self._generated(field)}) {'VIRTUAL' if hidden == 2 else 'STORED'}"
            columns.append(column)
        key = ", ".join(self._quote(str(field.column)) for field in self._model._meta.pk_fields)
        return f"CREATE TEMP TABLE {self._table} ({', '.join(columns)}, PRIMARY KEY ({key}))"

    def _generated(self, field: Any) -> str:
        sql, parameters = field.generated_sql(self._connection)
        editor = self._connection.schema_editor(collect_sql=True)
        return str(sql % tuple(editor.quote_value(value) for value in parameters))

    def _indexes(self) -> list[str]:
        """The table's indexes; none is unique, since what is unknown is null."""
        found = []
        for name, sql in self._rows(
            "SELECT l.name, m.sql FROM pragma_index_list(%s, 'main') AS l JOIN main.sqlite_master AS m "
            "ON m.name = l.name AND m.type = 'index' WHERE l.origin <> 'pk'",
            self._model._meta.db_table,
        ):
            # a name of its own: the index of a table that was put away is still there
            begin = f"CREATE INDEX temp.{self._quote(f'past_{next(_numbers)}_{name}')} ON"
            if sql is not None:
                found.append(begin + _INDEX.sub("", sql, count=1))
                continue
            columns = [column for (column,) in self._rows("SELECT name FROM pragma_index_info(%s)", name)]
            if None not in columns:
                found.append(f"{begin} {self._table} ({', '.join(map(self._quote, columns))})")
        return found

    def _run(self, sql: str, *parameters: Any) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)

    def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())
