"""The log's tables, by the same schema.sql that EventLog and C++ use."""

from typing import Any

from django.db import migrations

from eventfold.django import event_views


def install(apps: Any, schema_editor: Any) -> None:
    event_views.ensure_log(schema_editor.connection)


def remove(apps: Any, schema_editor: Any) -> None:
    event_views.remove_log(schema_editor.connection)


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunPython(install, remove)]
