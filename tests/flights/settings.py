"""A project of its own on the file that FLIGHTS_DATABASE names: a year is too much for a test's transaction."""

import os

SECRET_KEY = "tests only"
USE_TZ = True
TIME_ZONE = "America/New_York"
INSTALLED_APPS = ["eventfold.django", "tests.flights"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("FLIGHTS_DATABASE", "flights.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}
