"""One database file, which EVENTFOLD_BENCH_DATABASE names; both sides of a comparison live in it."""

import os

SECRET_KEY = "benchmarks only"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "eventfold.django",
    "benchmarks.django_project.feed",
    "benchmarks.django_project.lending",
    "benchmarks.django_project.library",
    "benchmarks.django_project.stock",
    "benchmarks.django_project.wide",
    "benchmarks.django_project.shop",
    *os.environ.get("EVENTFOLD_BENCH_APPS", "").split(),
]
DJANGO_EASY_AUDIT_REGISTERED_CLASSES = ["shop.PeerBook"]  # else it records events and plain models too
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["EVENTFOLD_BENCH_DATABASE"],
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}
