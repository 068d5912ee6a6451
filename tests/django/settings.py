"""The project that the tests of eventfold.django run in.

`default` is a file with the settings that the system checks recommend, `memory` lives in memory. Each package beside
this file that has an apps.py is one of its apps.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
# One folder for each run, so that runs at the same time do not share a database file.
FOLDER = Path(tempfile.mkdtemp(prefix="eventfold-tests-"))
_owner = os.getpid()


def _remove_folder() -> None:
    if os.getpid() == _owner:  # not in a child of a fork
        shutil.rmtree(FOLDER, ignore_errors=True)


atexit.register(_remove_folder)

SECRET_KEY = "tests only"
DEBUG = False
USE_TZ = True
TIME_ZONE = "Europe/Berlin"  # not UTC, so that a conversion that is forgotten shows
ROOT_URLCONF = "tests.django.urls"
ALLOWED_HOSTS = ["testserver", "localhost"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "eventfold.django",
    *(f"tests.django.{path.parent.name}" for path in sorted(HERE.glob("*/apps.py"))),
]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "default.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
        "TEST": {"NAME": FOLDER / "test_default.sqlite3"},
    },
    "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
