"""An event class that has run ahead of its database: makemigrations or migrate was forgotten."""

import warnings
from typing import Any

from eventfold.errors import UnknownEventType


def check_view(raw_connection: Any, alias: str, model: Any) -> None:
    """Look once, before a class first appends on a connection, whether the database has its view.

    Raises UnknownEventType where there is none: what is appended could not be read. Warns where it shows other fields,
    as it may for a while when a new release is rolled out. Uses no cursor of Django's, so that it counts as no query.
    """
    from eventfold.django.event_views import view_hash

    has_log = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'eventfold_type'"
    if raw_connection.execute(has_log).fetchone() is None:
        return  # the append says so
    label = model._meta.label
    row = raw_connection.execute("SELECT view, view_hash FROM eventfold_type WHERE name = ?", [label]).fetchone()
    if row is None or row[0] is None:
        raise UnknownEventType(
            f"{label} has no view in the database {alias!r}: run `manage.py makemigrations`, then `manage.py migrate "
            f"--database {alias}`"
        )
    if row[1] != view_hash(model):
        warnings.warn(
            f"The view of {label} in the database {alias!r} does not fit the class: run `manage.py makemigrations`, "
            f"then `manage.py migrate --database {alias}`",
            RuntimeWarning,
            stacklevel=2,
        )
