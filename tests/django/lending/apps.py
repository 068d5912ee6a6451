from django.apps import AppConfig


class LendingConfig(AppConfig):
    name = "tests.django.lending"
    label = "lending"
