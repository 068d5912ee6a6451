from django.apps import AppConfig


class OdditiesConfig(AppConfig):
    name = "tests.django.oddities"
    label = "oddities"
