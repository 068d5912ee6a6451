from django.apps import AppConfig


class FlightsConfig(AppConfig):
    name = "tests.flights"
    label = "flights"
    default_auto_field = "django.db.models.BigAutoField"
