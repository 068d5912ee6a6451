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

_REFERENCES = re.compile(
    r'\s*REFERENCES\s+"[^"]*"\s*\([^)]*\)(\s+ON\s+(DELETE|UPDATE)\s+\w+(\s+\w+)?)*(\s+DEFERRABLE(\s+INITIALLY\s+\w+)?)?',
    re.IGNORECASE,
)


@contextmanager
def shadowed(connection: BaseDatabaseWrapper, model: Any) -> Iterator[None]:
    """Let the model's table be an empty temporary one on this connection."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT type, name, sql FROM main.sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL "
            "AND type IN ('table', 'index') ORDER BY type DESC",
            [table],
        )
        statements = cursor.fetchall()
        if not statements:
            raise ProjectionError(f"The table of {model._meta.label} is missing: run `manage.py migrate`")
        try:
            for kind, name, sql in statements:
                cursor.execute(_temporary(kind, name, sql, connection))
            yield
        finally:
            if not connection.needs_rollback:
                cursor.execute(f"DROP TABLE IF EXISTS temp.{connection.ops.quote_name(table)}")


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
    columns = ", ".join(
        quote(field.column) for field in model._meta.concrete_fields if not getattr(field, "generated", False)
    )
    with connection.cursor() as cursor:

        def run(sql: str) -> int:
            cursor.execute(sql)
            return int(cursor.rowcount)

        counterpart = f"SELECT {columns} FROM temp.{table} AS s WHERE {_same(table, 's', keys)}"
        deleted = run(f"DELETE FROM main.{table} WHERE ({key}) NOT IN (SELECT {key} FROM temp.{table})")
        # Rows that differ go before they come back, since two may have exchanged a unique value.
        updated = run(f"DELETE FROM main.{table} WHERE ({columns}) IS NOT ({counterpart})")
        written = run(
            f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM temp.{table} "
            f"WHERE ({key}) NOT IN (SELECT {key} FROM main.{table})"
        )
        cursor.execute(f"SELECT count(*) FROM main.{table}")
        rows = int(cursor.fetchone()[0])
    return written - updated, updated, deleted, rows


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


def _same(table: str, alias: str, columns: list[str]) -> str:
    return " AND ".join(f"{alias}.{column} = main.{table}.{column}" for column in columns)


def _unique_names(model: Any) -> tuple[str, ...] | None:
    """Return the fields of a key beside the number, none of which may be null."""
    unique = [(field.name,) for field in model._meta.concrete_fields if field.unique and not field.primary_key]
    unique += [tuple(constraint.fields) for constraint in model._meta.total_unique_constraints]
    unique += [tuple(names) for names in model._meta.unique_together]
    return next((names for names in unique if not any(model._meta.get_field(name).null for name in names)), None)
