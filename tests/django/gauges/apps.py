from django.apps import AppConfig


class GaugesConfig(AppConfig):
    name = "tests.django.gauges"
    label = "gauges"
