"""Settings for Django's suite with eventfold installed and every model tracked."""

import sys
from collections.abc import Iterator

from tests.compat.suite.plain import *  # noqa: F403

TEST_RUNNER = "tests.compat.suite.runner.TrackingRunner"


class EveryModel:
    """The labels of all models that have a table of their own, whatever is installed at the time of asking."""

    def __iter__(self) -> Iterator[str]:
        from eventfold.django.constants import VIEW_FEATURE
        from eventfold.django.declared import declared_models

        for model in declared_models():
            meta = model._meta
            if meta.managed and not meta.proxy and not meta.swapped and VIEW_FEATURE not in meta.required_db_features:
                yield meta.label


EVENTFOLD = {"TRACK": EveryModel()}

# runtests.py takes INSTALLED_APPS from itself, not from the settings
sys.modules["__main__"].ALWAYS_INSTALLED_APPS.append("eventfold.django")
