from django.apps import AppConfig


class PagesConfig(AppConfig):
    """Templates, style and forms that both ways of keeping a library share."""

    name = "pages"
