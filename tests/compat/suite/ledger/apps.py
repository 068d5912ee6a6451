from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "tests.compat.suite.ledger"
    label = "eventfold_ledger"
