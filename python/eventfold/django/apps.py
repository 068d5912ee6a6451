import sys

from django.apps import AppConfig, apps
from django.utils.module_loading import autodiscover_modules


class EventfoldConfig(AppConfig):
    """The log, and what every alias needs for it."""

    name = "eventfold.django"
    label = "eventfold"
    verbose_name = "Event log"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from eventfold.django import checks, connection, hooks, plan, tracking

        connection.bind_libraries()
        checks.connect()
        hooks.connect(self)
        plan.connect()
        autodiscover_modules("events", "read_models", "reactors")
        tracking.connect_waiting_receivers()
        _count_as_models_modules()


def _count_as_models_modules() -> None:
    """Let an app that has events.py or read_models.py and no models.py have models: else Django passes it over."""
    for config in apps.get_app_configs():
        if config.models_module is None and apps.all_models[config.label]:
            names = (f"{config.name}.{name}" for name in ("events", "read_models"))
            config.models_module = next((sys.modules[name] for name in names if name in sys.modules), None)
