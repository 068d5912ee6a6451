from django.apps import AppConfig


class LoansConfig(AppConfig):
    name = "tests.django.loans"
    label = "loans"
