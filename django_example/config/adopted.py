"""The same site, with the traditional library event sourced: the app `adopted` is all that is added."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = ["adopted", *INSTALLED_APPS]  # first: its templates stand before those of the app that it adopts
MIDDLEWARE = [*MIDDLEWARE, "eventfold.django.middleware.MetadataMiddleware"]
