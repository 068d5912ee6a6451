"""Transactions that eventfold opens."""

from typing import Any

from django.db import OperationalError, transaction

from eventfold.django.exceptions import LogLocked


class _SqliteAtomic(transaction.Atomic):
    """`atomic()`, whose outermost block begins SQLite's transaction in a way of its own."""

    def __init__(self, using: str | None) -> None:
        super().__init__(using, savepoint=True, durable=False)

    def __enter__(self) -> None:
        connection: Any = transaction.get_connection(self.using)
        if connection.in_atomic_block or connection.vendor != "sqlite":
            super().__enter__()
            return
        connection.ensure_connection()  # connecting would set transaction_mode from the settings
        configured = connection.transaction_mode
        connection.transaction_mode = self._mode(configured)
        try:
            self._begin(connection)
        finally:
            connection.transaction_mode = configured

    def _mode(self, configured: str | None) -> str | None:
        raise NotImplementedError

    def _begin(self, connection: Any) -> None:
        super().__enter__()


class ImmediateAtomic(_SqliteAtomic):
    """`atomic()`, whose outermost block takes SQLite's write lock when it begins.

    A deferred transaction that reads, and then writes after someone else committed, gets "database is locked" at once,
    whatever the time-out. Raises LogLocked when the lock cannot be had within the time-out.
    """

    def _mode(self, configured: str | None) -> str | None:
        return "IMMEDIATE" if configured in (None, "DEFERRED") else configured

    def _begin(self, connection: Any) -> None:
        try:
            if not connection.get_autocommit() and not connection.connection.in_transaction:
                # Django makes a savepoint then, and SQLite would commit with the release of one that nothing is round
                with connection.wrap_database_errors:
                    connection.connection.execute("BEGIN IMMEDIATE")
            super()._begin(connection)
        except OperationalError as error:
            if "locked" in str(error):
                raise LogLocked(f"Another connection kept the database locked past the time-out: {error}") from error
            raise


class DeferredAtomic(_SqliteAtomic):
    """`atomic()`, whose outermost block keeps no writer waiting: what it reads is one state of the database."""

    def _mode(self, configured: str | None) -> str | None:
        return "DEFERRED"
