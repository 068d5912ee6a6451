from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class EventfoldConfig(AppConfig):
    """The log, and what every alias needs for it."""

    name = "eventfold.django"
    label = "eventfold"
    verbose_name = "Event log"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from eventfold.django import checks, connection, hooks, plan

        connection.bind_libraries()
        checks.connect()
        hooks.connect(self)
        plan.connect()
        autodiscover_modules("events", "read_models")
