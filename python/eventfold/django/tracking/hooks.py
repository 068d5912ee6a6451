"""What ready() connects for tracked models."""

from typing import Any

from django.apps import AppConfig
from django.core.signals import setting_changed
from django.db.models.signals import class_prepared

from eventfold.django.tracking import checks, inline, migrate_hooks, registry, schema_hook


def connect(app_config: AppConfig) -> None:
    """Connect migrations, and whatever changes which models are tracked."""
    checks.connect()
    migrate_hooks.connect(app_config)
    inline.connect()
    schema_hook.connect()
    setting_changed.connect(_forget_settings, dispatch_uid="eventfold.forget_tracking_settings")
    class_prepared.connect(_forget, dispatch_uid="eventfold.forget_tracked_models")


def _forget(sender: Any, **kwargs: Any) -> None:
    from eventfold.django.constants import is_event_model

    if not is_event_model(sender):  # the event types of tracked models come to be while they are asked for
        registry.forget()


def _forget_settings(setting: str, **kwargs: Any) -> None:
    if setting in ("EVENTFOLD", "USE_TZ", "INSTALLED_APPS", "AUTH_USER_MODEL"):
        registry.forget()
