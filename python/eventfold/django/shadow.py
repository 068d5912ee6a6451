"""A temporary table that stands before a live one of the same name, on one connection.

SQLite finds temporary tables first. So what a receiver writes through the ORM during a replay goes beside the live
rows, without the receiver knowing, and other connections see nothing of it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

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
    # A temporary table cannot refer to one of the file; the live one still does.
    return _REFERENCES.sub("", re.sub(r"^CREATE TABLE", "CREATE TEMP TABLE", sql, count=1))


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
    same_key = " AND ".join(f"s.{part} = main.{table}.{part}" for part in keys)
    counterpart = f"SELECT {columns} FROM temp.{table} AS s WHERE {same_key}"
    gone = f"({key}) NOT IN (SELECT {key} FROM temp.{table})"
    with connection.cursor() as cursor:

        def run(sql: str) -> int:
            cursor.execute(sql)
            return int(cursor.rowcount)

        deleted = run(f"DELETE FROM main.{table} WHERE {gone}")
        # Rows that differ go before they come back, since two may have exchanged a unique value.
        updated = run(f"DELETE FROM main.{table} WHERE ({columns}) IS NOT ({counterpart})")
        missing = f"({key}) NOT IN (SELECT {key} FROM main.{table})"
        written = run(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM temp.{table} WHERE {missing}")
        cursor.execute(f"SELECT count(*) FROM main.{table}")
        rows = int(cursor.fetchone()[0])
    return written - updated, updated, deleted, rows
