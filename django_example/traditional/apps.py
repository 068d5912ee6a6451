from django.apps import AppConfig


class TraditionalConfig(AppConfig):
    """The library as rows that are overwritten."""

    name = "traditional"
