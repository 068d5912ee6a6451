from django.apps import AppConfig


class RatingsConfig(AppConfig):
    name = "tests.django.ratings"
    label = "ratings"
