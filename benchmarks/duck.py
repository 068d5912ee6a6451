"""DuckDB on the same events: their JSON text in Parquet, and their fields as typed columns in Parquet."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

Rows = dict[Any, tuple[int, str]]

_FOLD = "SELECT book, count(*), arg_max(title, position) FROM {source} GROUP BY book"
_FROM_JSON = """(SELECT position, parts[1]::{key} AS book, parts[2] AS title FROM
    (SELECT position, json_extract_string(data, ['$.book', '$.title']) AS parts FROM '{path}'))"""


class Duck:
    """Both files of one log, and the fold over each; `key` is the SQL type of its key."""

    def __init__(self, log: Path, threads: int, key: str = "BIGINT") -> None:
        self._key = key
        self._text = log.with_suffix(".text.parquet")
        self._typed = log.with_suffix(".typed.parquet")
        self.connection = duckdb.connect(config={"threads": threads})
        if self._text.exists():
            return
        lines = log.with_suffix(".tsv")
        with closing(sqlite3.connect(log)) as source, lines.open("w") as file:
            file.writelines(
                f"{position}\t{data}\n"
                for position, data in source.execute("SELECT position, data FROM eventfold_event ORDER BY position")
            )
        read = f"read_csv('{lines}', delim='\t', quote='', escape='', header=false, columns={_COLUMNS})"
        self.connection.execute(f"COPY (SELECT * FROM {read}) TO '{self._text}'")
        self.write_typed()
        lines.unlink()

    def write_typed(self) -> None:
        """Typed columns in Parquet, made of the JSON text in Parquet."""
        self.connection.execute(f"COPY (SELECT * FROM {self._from_json()}) TO '{self._typed}'")

    def typed_bytes(self) -> int:
        return self._typed.stat().st_size

    def fold_text(self) -> Rows:
        return self._fold(self._from_json())

    def keep_text(self) -> None:
        """Fold into a table of DuckDB's own: nothing of it goes to Python."""
        self.connection.execute("CREATE OR REPLACE TEMP TABLE kept AS " + _FOLD.format(source=self._from_json()))

    def fold_typed(self) -> Rows:
        return self._fold(f"'{self._typed}'")

    def _from_json(self) -> str:
        return _FROM_JSON.format(path=self._text, key=self._key)

    def _fold(self, source: str) -> Rows:
        found: list[Any] = self.connection.execute(_FOLD.format(source=source)).fetchall()
        return {book: (count, title) for book, count, title in found}


_COLUMNS = "{'position': 'BIGINT', 'data': 'VARCHAR'}"
