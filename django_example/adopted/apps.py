from django.apps import AppConfig


class AdoptedConfig(AppConfig):
    """The traditional library, event sourced from outside: see events.py."""

    name = "adopted"
