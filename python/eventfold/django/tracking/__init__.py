"""Tracking: an existing model's changes become events, whoever makes them."""

from django.apps import AppConfig


def connect(app_config: AppConfig) -> None:
    """Connect what must follow migrations and settings."""
    from eventfold.django.tracking import hooks

    hooks.connect(app_config)


def connect_waiting_receivers() -> None:
    """Connect receivers that named the event type of a tracked model by its label, which no app registry has."""
    from eventfold.django.tracking import listeners

    listeners.wait_no_longer()
