from django.apps import AppConfig


class BooksConfig(AppConfig):
    name = "tests.django.books"
    label = "books"
