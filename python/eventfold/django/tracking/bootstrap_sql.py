"""The SQL of a bootstrap: a table's rows in the order of its primary key, and the first events of some of them.

A key never becomes a Python value, since a column may hold what has none (a text that is no UTF-8): it is read as the
SQL that says it again.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold.django.tracking.trigger_sql import TrackedTable, native_row_json, row_json
from eventfold.django.view_sql import quote_name, quote_text

_ROW = "t"
_TEXTS = ("char", "clob", "text")  # in the declared type of a column of texts


class KeyPart(NamedTuple):
    """A column of the key, with the collation of the index that has it."""

    column: str
    collation: str | None


class RowOrder(NamedTuple):
    """The order in which rows are taken: that of an index, so that the next ones are found by a seek."""

    parts: tuple[KeyPart, ...]
    declared: str
    """The declared type of the first part, in lower case."""
    nullable: bool


class BootstrapSql:
    """The statements for one table; keys go in and out as SQL literals (`literals()`)."""

    def __init__(self, table: TrackedTable, order: RowOrder, existed: int, *, native: bool) -> None:
        self._table = table
        self._order = order
        self._existed = existed
        self._begins = f"{table.created}, {existed}"
        self._from = f"FROM {quote_name(table.table)} AS {_ROW}"
        self._keys = [_collated(part) for part in order.parts]
        self._order_by = f"ORDER BY {', '.join(self._keys)}"
        self._literals = ", ".join(_literal(f"{_ROW}.{quote_name(part.column)}") for part in order.parts)
        data = native_row_json(table, _ROW, "new") if native else None
        self._data = data or row_json(table, _ROW, "new")
        self._key = table.key_value(_ROW)
        self._slot = f"slot{table.key_slot + 1}"

    def rows(self) -> str:
        """How many rows there are."""
        return f"SELECT count(*) {self._from}"

    def rows_without_key(self) -> str:
        """One row if some row's key is NULL, which comparisons would pass over."""
        nulls = " OR ".join(f"{_ROW}.{quote_name(part.column)} IS NULL" for part in self._order.parts)
        return f"SELECT 1 {self._from} WHERE {nulls} LIMIT 1"

    def last_of(self, after: Sequence[str], rows: int) -> str:
        """The key of the last of so many rows; none, if there are fewer."""
        page = f"{self._order_by} LIMIT 1 OFFSET {rows - 1}"
        return f"SELECT {self._literals} {self._from} {self._where(after, ())} {page}"

    def rows_after(self, after: Sequence[str]) -> str:
        """How many rows there are after a key."""
        return f"SELECT count(*) {self._from} {self._where(after, ())}"

    def some_event(self, after: Sequence[str], until: Sequence[str]) -> str | None:
        """One row if the log has an event of some key between two; None, if it cannot be known by a seek."""
        if not self._is_slot_order():
            return None
        return f"SELECT 1 {self._events(after, until)} LIMIT 1"

    def insert(
        self, after: Sequence[str], until: Sequence[str], created: int, head: int | None, *, all_rows: bool
    ) -> str:
        """Append the first event of each row between two keys that has none; `all_rows`: it is known that none has.

        Positions are those after the last event; `head`: those after it, where it is higher than the last event's.
        """
        conditions = () if all_rows else (self._has_no_first_event(after, until),)
        position = "NULL" if head is None else f"{head} + row_number() OVER ({self._order_by})"
        return (
            f"INSERT INTO eventfold_event (position, type_id, created, {self._slot}, data)\n"
            f"SELECT {position}, {self._existed}, {created}, {self._key}, {self._data} {self._from}\n"
            f"{self._where(after, until, *conditions)}\n{self._order_by}"
        )

    def _where(self, after: Sequence[str], until: Sequence[str], *conditions: str) -> str:
        row = _tuple(self._keys)
        found = [f"{row} {sign} {_tuple(key)}" for sign, key in ((">", after), ("<=", until)) if key]
        return f"WHERE {' AND '.join([*found, *conditions])}" if found or conditions else ""

    def _has_no_first_event(self, after: Sequence[str], until: Sequence[str]) -> str:
        """No BookCreated or BookExisted since the last BookDeleted of its key."""
        if not self._is_slot_order():
            last = (
                "ifnull((SELECT max(e.position) FROM eventfold_event AS e "
                f"WHERE e.type_id IN ({{}}) AND e.{self._slot} = {self._key}), 0)"
            )
            return f"{last.format(self._begins)} <= {last.format(self._table.deleted)}"
        # one scan of the slot's index for all rows, which few events lie in, rather than a seek for each row
        last_is_beginning = f"max(position) = max(CASE WHEN type_id <> {self._table.deleted} THEN position END)"
        return (
            f"{_ROW}.{quote_name(self._order.parts[0].column)} NOT IN (SELECT {self._slot} "
            f"{self._events(after, until)} GROUP BY {self._slot} HAVING {last_is_beginning})"
        )

    def _events(self, after: Sequence[str], until: Sequence[str]) -> str:
        limits = "".join(f" AND {self._slot} {sign} {key[0]}" for sign, key in ((">", after), ("<=", until)) if key)
        types = f"type_id IN ({self._begins}, {self._table.deleted})"
        return f"FROM eventfold_event WHERE {types} AND {self._slot} IS NOT NULL{limits}"

    def _is_slot_order(self) -> bool:
        """Whether keys are in the slot just as they are in the table, and so in the same order there."""
        (part, *others) = self._order.parts
        if others or self._key != f"{_ROW}.{quote_name(part.column)}" or part.collation not in (None, "BINARY"):
            return False
        if self._table.key_slot < 2:
            return "int" in self._order.declared
        return any(name in self._order.declared for name in _TEXTS)


def row_order(connection: BaseDatabaseWrapper, table: TrackedTable) -> RowOrder | None:
    """Return the order that an index on the primary key's columns gives; None, if there is no unique one."""
    key = {column.lower(): column for column in table.key}
    columns = _rows(connection, f'SELECT name, type, pk, "notnull" FROM pragma_table_xinfo({quote_text(table.table)})')
    declared = {name.lower(): kind.lower() for name, kind, _, _ in columns}
    primary = [name.lower() for name, _, pk, _ in columns if pk]
    if primary == list(key) and len(primary) == 1 and declared[primary[0]] == "integer":
        return RowOrder((KeyPart(key[primary[0]], None),), "integer", nullable=False)  # the rowid
    nullable = not all(notnull for name, _, _, notnull in columns if name.lower() in key)
    indexes = f"pragma_index_list({quote_text(table.table)})"
    for (index,) in _rows(connection, f'SELECT name FROM {indexes} WHERE "unique" AND NOT partial'):
        xinfo = f"pragma_index_xinfo({quote_text(index)})"
        parts = _rows(connection, f"SELECT lower(name), coll FROM {xinfo} WHERE key ORDER BY seqno")
        if {name for name, _ in parts} == set(key):
            found = tuple(KeyPart(key[name], collation) for name, collation in parts)
            return RowOrder(found, declared[parts[0][0]], nullable)
    return None


def _collated(part: KeyPart) -> str:
    column = f"{_ROW}.{quote_name(part.column)}"
    return column if part.collation is None else f"{column} COLLATE {quote_name(part.collation)}"


def _literal(column: str) -> str:
    """SQL that reads a value as SQL; a plus takes away the affinity that a cast would bring into a comparison."""
    text = f"'(+CAST(x''' || hex({column}) || ''' AS TEXT))'"
    return f"CASE typeof({column}) WHEN 'text' THEN {text} ELSE quote({column}) END"


def _tuple(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def _rows(connection: BaseDatabaseWrapper, sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
