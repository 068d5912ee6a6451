from django.apps import AppConfig


class DemoConfig(AppConfig):
    """`manage.py demo`: ten years of loans, and how long everything takes."""

    name = "demo"
    default_auto_field = "django.db.models.BigAutoField"
