from django.apps import AppConfig


class FieldsConfig(AppConfig):
    name = "tests.django.fields"
    label = "fields"
