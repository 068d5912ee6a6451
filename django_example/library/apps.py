from django.apps import AppConfig


class LibraryConfig(AppConfig):
    """The library as a log of events."""

    name = "library"
