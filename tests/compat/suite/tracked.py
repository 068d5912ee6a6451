"""Settings for Django's suite with eventfold installed and every model tracked."""

import sys
from collections.abc import Iterator
from typing import Any

from tests.compat.suite.plain import *  # noqa: F403

TEST_RUNNER = "tests.compat.suite.runner.TrackingRunner"


class EveryModel:
    """The labels of all models that have a table of their own, whatever is installed at the time of asking."""

    def __iter__(self) -> Iterator[str]:
        from eventfold.django.declared import declared_models

        return (model._meta.label for model in declared_models() if is_tracked(model))


def is_tracked(model: Any) -> bool:
    """Whether a model has a table that Django makes, and that is not eventfold's own."""
    from eventfold.django.constants import VIEW_FEATURE
    from eventfold.django.read_models import ReadModel

    meta = model._meta
    ours = VIEW_FEATURE in meta.required_db_features or issubclass(model, ReadModel)
    return meta.managed and not meta.proxy and not meta.swapped and not ours


EVENTFOLD = {"TRACK": EveryModel()}

# runtests.py takes INSTALLED_APPS from itself, not from the settings
sys.modules["__main__"].ALWAYS_INSTALLED_APPS.append("eventfold.django")
