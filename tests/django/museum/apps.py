from django.apps import AppConfig


class MuseumConfig(AppConfig):
    name = "tests.django.museum"
    label = "museum"
