from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "tests.django.orders"
    label = "orders"
