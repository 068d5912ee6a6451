from django.apps import AppConfig


class ShelvesConfig(AppConfig):
    name = "tests.django.shelves"
    label = "shelves"
