"""Writing past the triggers of a tracked table."""

from django.db import connection


def without_triggers(table, sql, *parameters):
    """Write as it was written before tracking began."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f'DROP TRIGGER "{name}"')
        cursor.execute(sql, parameters)
        for _, trigger in triggers:
            cursor.execute(trigger)
