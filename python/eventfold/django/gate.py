"""The one way from Django to the native core.

A native call runs SQL on Django's own connection without a cursor, so it must ask what a cursor would have asked, and
leave the traces that a cursor would have left.
"""

import logging
import time
import warnings
from _thread import get_ident
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.apps import apps
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.utils.connection import ConnectionProxy

from eventfold.django.connection import borrowed_log
from eventfold.django.exceptions import as_django_error
from eventfold.errors import EventfoldError

_T = TypeVar("_T")

own_wrappers: list[Any] = []
"""Execute wrappers of ours, see tracking/inline.py: no native call needs them."""

_logger = logging.getLogger("django.db.backends")


def native(connection: Any, sql: str, operation: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Call `operation(log, *args, **kwargs)` on the log of a Django connection and return what it returns.

    Opens the connection if need be. `sql` describes the call in `connection.queries`, to execute wrappers and in the
    log of queries, where it counts as one query. Raises what a cursor would raise: on an alias that a test may not
    use, in an async context, in another thread, in a transaction that is broken. Our own errors are raised as Django's
    too, where there is one that fits.
    """
    if type(connection) is ConnectionProxy:  # django.db.connection
        connection = connection._connections[connection._alias]
    own: Any = connection.__dict__
    if "cursor" in own or "connect" in own:
        # Somebody has put another cursor() in place, e.g. SimpleTestCase one that raises.
        connection.cursor().close()
    if own["health_check_enabled"]:
        connection.close_if_health_check_failed()
    connection.ensure_connection()
    if own["_thread_ident"] != get_ident():
        connection.validate_thread_sharing()
    if own["needs_rollback"]:
        connection.cursor().close()  # raises if the connection was closed in the transaction
        connection.validate_no_broken_transaction()
    if not apps.ready:
        _warn_of_early_use()
    raw = own["connection"]
    if not own["autocommit"] and not own["in_atomic_block"] and not raw.in_transaction:
        raw.execute("BEGIN")  # as sqlite3 does before a statement that writes, when autocommit is off
    borrowed = own.get("_eventfold")
    try:
        if borrowed is None or borrowed.raw is not raw:
            borrowed = borrowed_log(connection)
        wrappers = own["execute_wrappers"]
        if (wrappers and wrappers != own_wrappers) or own["force_debug_cursor"] or settings.DEBUG:
            return _traced(connection, sql, partial(operation, borrowed.log, *args, **kwargs))
        return operation(borrowed.log, *args, **kwargs)
    except EventfoldError as error:
        if own["in_atomic_block"] and not raw.in_transaction:
            own["needs_rollback"] = True  # the database gave up the whole transaction, e.g. on a full disk
        raise as_django_error(error) from error.__cause__


def _traced(connection: BaseDatabaseWrapper, sql: str, call: Callable[[], _T]) -> _T:
    """What CursorWrapper and CursorDebugWrapper do around a statement."""

    def executor(sql: str, params: Any, many: bool, context: dict[str, Any]) -> _T:
        return call()

    run: Callable[..., _T] = executor
    started = time.monotonic()
    try:
        others = [wrapper for wrapper in connection.execute_wrappers if wrapper not in own_wrappers]
        if not others:
            return call()
        for wrapper in reversed(others):
            run = partial(wrapper, run)
        with connection.cursor() as cursor:
            return run(sql, None, False, {"connection": connection, "cursor": cursor})
    finally:
        if connection.queries_logged:
            _log_query(connection, sql, time.monotonic() - started)


def _log_query(connection: BaseDatabaseWrapper, sql: str, duration: float) -> None:
    connection.queries_log.append({"sql": sql, "time": f"{duration:.3f}"})
    _logger.debug(
        "(%.3f) %s; args=%s; alias=%s",
        duration,
        sql,
        None,
        connection.alias,
        extra={"duration": duration, "sql": sql, "params": None, "alias": connection.alias},
    )


def _warn_of_early_use() -> None:
    if not apps.stored_app_configs:
        warnings.warn(CursorWrapper.APPS_NOT_READY_WARNING_MSG, category=RuntimeWarning, stacklevel=3)
