"""What ready() connects for read models."""

from typing import Any

from django.apps import AppConfig
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import class_prepared, post_migrate, pre_migrate

from eventfold.django import read_model_checks, read_model_state, registry
from eventfold.django.following import beginnings


def connect(app_config: AppConfig) -> None:
    """Connect the checks, and what must follow migrations."""
    read_model_checks.connect()
    setting_changed.connect(_forget_settings, dispatch_uid="eventfold.forget_settings")
    class_prepared.connect(_forget, dispatch_uid="eventfold.forget_read_models")
    pre_migrate.connect(_forget, sender=app_config, dispatch_uid="eventfold.forget_before_migrate")
    post_migrate.connect(_note, sender=app_config, dispatch_uid="eventfold.note_read_models")


def _forget(**kwargs: Any) -> None:
    registry.forget()


def _forget_settings(setting: str, **kwargs: Any) -> None:
    if setting in ("USE_TZ", "TIME_ZONE", "DATABASES", "DATABASE_ROUTERS"):
        registry.forget()


def _note(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    registry.forget()
    read_model_state.note_new_read_models(using)
    beginnings.begin_new_reactors(using)
