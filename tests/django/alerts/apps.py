from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "tests.django.alerts"
    label = "alerts"
