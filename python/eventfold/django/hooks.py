"""What ready() connects so that views and read models follow their classes."""

from django.apps import AppConfig

from eventfold.django import json_lookups, migrate_hooks, read_model_hooks, test_databases, tracking, view_checks


def connect(app_config: AppConfig) -> None:
    """Connect migrate, test databases, checks, JSON lookups, and what read models and tracked models need."""
    migrate_hooks.connect(app_config)
    view_checks.connect()
    test_databases.connect()
    json_lookups.connect()
    read_model_hooks.connect(app_config)
    tracking.connect(app_config)
