from django.apps import AppConfig


class SalesConfig(AppConfig):
    name = "tests.django.sales"
    label = "sales"
