"""A temporary table that stands before a live one of the same name, on one connection.

SQLite finds temporary tables first. So what a receiver writes through the ORM during a replay goes beside the live
rows, without the receiver knowing, and other connections see nothing of it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField

from eventfold.errors import ProjectionError

_BATCH = 1000
_REFERENCES = re.compile(
    r'\s*REFERENCES\s+"[^"]*"\s*\([^)]*\)(\s+ON\s+(DELETE|UPDATE)\s+\w+(\s+\w+)?)*(\s+DEFERRABLE(\s+INITIALLY\s+\w+)?)?',
    re.IGNORECASE,
)


@contextmanager
def shadowed(connection: BaseDatabaseWrapper, model: Any) -> Iterator[None]:
    """Let the model's table be an empty temporary one on this connection."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        try:
            for kind, name, sql in statements(connection, model):
                cursor.execute(_temporary(kind, name, sql, connection))
            yield
        finally:
            if not connection.needs_rollback:
                cursor.execute(f"DROP TABLE IF EXISTS temp.{connection.ops.quote_name(table)}")


def statements(connection: BaseDatabaseWrapper, model: Any) -> list[tuple[str, str, str]]:
    """Return what the model's table and its indexes were made by: what it is, its name, the SQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT type, name, sql FROM main.sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL "
            "AND type IN ('table', 'index') ORDER BY type DESC, name",
            [model._meta.db_table],
        )
        found: list[tuple[str, str, str]] = cursor.fetchall()
    if not found:
        raise ProjectionError(f"The table of {model._meta.label} is missing: run `manage.py migrate`")
    return found


def _temporary(kind: str, name: str, sql: str, connection: BaseDatabaseWrapper) -> str:
    if kind == "index":
        quoted = connection.ops.quote_name(name)
        return re.sub(r'INDEX\s+("[^"]*"|\S+)\s+ON', lambda _: f"INDEX temp.{quoted} ON", sql, count=1)
    # A temporary table cannot refer to one of the file; the live one still does. And it must not leave a temporary
    # sqlite_sequence behind, which nobody can drop.
    sql = re.sub(r"^CREATE TABLE", "CREATE TEMP TABLE", sql, count=1)
    return _REFERENCES.sub("", sql).replace("PRIMARY KEY AUTOINCREMENT", "PRIMARY KEY")


def bring_live_table_to_shadow(connection: BaseDatabaseWrapper, model: Any) -> tuple[int, int, int, int]:
    """Make the live table equal to the temporary one; return rows inserted, updated, deleted, and how many there are.

    Within the caller's transaction.
    """
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    keys = [quote(field.column) for field in model._meta.pk_fields]
    key = ", ".join(keys)
    columns = ", ".join(map(quote, written_columns(model)))
    with connection.cursor() as cursor:

        def run(sql: str) -> int:
            cursor.execute(sql)
            return int(cursor.rowcount)

        counterpart = f"SELECT {columns} FROM temp.{table} AS s WHERE {_same(table, 's', keys)}"
        live = ", ".join(f"{quote(column)} COLLATE BINARY" for column in written_columns(model))
        deleted = run(f"DELETE FROM main.{table} WHERE ({key}) NOT IN (SELECT {key} FROM temp.{table})")
        # Rows that differ go before they come back, since two may have exchanged a unique value.
        updated = run(f"DELETE FROM main.{table} WHERE ({live}) IS NOT ({counterpart})")
        written = run(
            f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM temp.{table} "
            f"WHERE ({key}) NOT IN (SELECT {key} FROM main.{table})"
        )
    return written - updated, updated, deleted, count_live_rows(connection, model)


def count_live_rows(connection: BaseDatabaseWrapper, model: Any) -> int:
    """Return how many rows the live table has."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM main.{connection.ops.quote_name(model._meta.db_table)}")
        return int(cursor.fetchone()[0])


def differences(
    connection: BaseDatabaseWrapper, model: Any
) -> Iterator[tuple[str, dict[str, Any], dict[str, tuple[Any, Any]]]]:
    """Yield what bring_live_table_to_shadow() would write: "changed", "extra" or "missing", the key, and what differs.

    Key and values are by column; of a value, first that of the temporary table. Within the caller's transaction.
    """
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    keys = [field.column for field in model._meta.pk_fields]
    names = _unique_names(model) if isinstance(model._meta.pk, AutoField) else None
    # a row is better known by what it is about than by its number
    shown = keys if names is None else [model._meta.get_field(name).column for name in names]
    columns = written_columns(model)
    key = ", ".join(map(quote, keys))
    live = ", ".join(f"main.{table}.{quote(column)} COLLATE BINARY" for column in columns)
    rebuilt = ", ".join(f"s.{quote(column)}" for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f's.{quote(column)}' for column in shown)}, {rebuilt}, {live} FROM main.{table} "
            f"JOIN temp.{table} AS s ON {_same(table, 's', list(map(quote, keys)))} WHERE ({live}) IS NOT ({rebuilt})"
        )
        while rows := cursor.fetchmany(_BATCH):
            for row in rows:
                values = row[len(shown) :]
                both = zip(columns, values[: len(columns)], values[len(columns) :], strict=True)
                differing = {column: (new, old) for column, new, old in both if new != old}
                yield "changed", dict(zip(shown, row, strict=False)), differing
        for what, here, there in (("extra", "main", "temp"), ("missing", "temp", "main")):
            cursor.execute(
                f"SELECT {', '.join(map(quote, shown))} FROM {here}.{table} "
                f"WHERE ({key}) NOT IN (SELECT {key} FROM {there}.{table}) ORDER BY 1"
            )
            while rows := cursor.fetchmany(_BATCH):
                for row in rows:
                    yield what, dict(zip(shown, row, strict=True)), {}


def keep_numbers(connection: BaseDatabaseWrapper, model: Any) -> None:
    """Give the rows of the temporary table the numbers that the live ones have.

    A row whose number the database gave out is known by it elsewhere, and its counterpart is that with the same unique
    values. Within the caller's transaction, and for a model that no other temporary table refers to.
    """
    names = _unique_names(model)
    if not isinstance(model._meta.pk, AutoField) or names is None:
        return
    quote = connection.ops.quote_name
    table, number = quote(model._meta.db_table), quote(model._meta.pk.column)
    same = _same(table, "s", [quote(model._meta.get_field(name).column) for name in names])
    found = f"SELECT {number} FROM main.{table} WHERE {same}"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE temp.{table} SET {number} = -{number}")  # out of the way
        cursor.execute(f"UPDATE temp.{table} AS s SET {number} = ({found}) WHERE EXISTS ({found})")
        cursor.execute("SELECT max(seq) FROM main.sqlite_sequence WHERE name = %s", [model._meta.db_table])
        last = cursor.fetchone()[0] or 0
        cursor.execute(f"UPDATE temp.{table} SET {number} = {int(last)} - {number} WHERE {number} < 0")


def written_columns(model: Any) -> list[str]:
    """Return the columns that can be written: all that the database does not make itself."""
    return [field.column for field in model._meta.concrete_fields if not getattr(field, "generated", False)]


def _same(table: str, alias: str, columns: list[str]) -> str:
    return " AND ".join(f"{alias}.{column} = main.{table}.{column}" for column in columns)


def _unique_names(model: Any) -> tuple[str, ...] | None:
    """Return the fields of a key beside the number, none of which may be null."""
    unique = [(field.name,) for field in model._meta.concrete_fields if field.unique and not field.primary_key]
    unique += [tuple(constraint.fields) for constraint in model._meta.total_unique_constraints]
    unique += [tuple(names) for names in model._meta.unique_together]
    return next((names for names in unique if not any(model._meta.get_field(name).null for name in names)), None)
