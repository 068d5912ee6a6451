"""What ready() connects so that views follow the event classes."""

from django.apps import AppConfig

from eventfold.django import flushing, json_lookups, migrate_hooks, read_model_hooks, view_checks


def connect(app_config: AppConfig) -> None:
    """Connect migrate, flush, the checks of views and the JSON lookups."""
    migrate_hooks.connect(app_config)
    view_checks.connect()
    flushing.connect()
    json_lookups.connect()
    read_model_hooks.connect(app_config)
