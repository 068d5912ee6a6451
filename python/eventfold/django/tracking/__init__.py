"""Tracking: an existing model's changes become events, whoever makes them."""

from django.apps import AppConfig


def connect(app_config: AppConfig) -> None:
    """Connect what must follow migrations and settings."""
    from eventfold.django.tracking import hooks

    hooks.connect(app_config)
