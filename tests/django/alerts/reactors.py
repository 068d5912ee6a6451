"""Effects that a test can see, and that fail where it lets them fail."""

from asgiref.sync import sync_to_async

from eventfold.django import reactor
from tests.django.alerts.events import Checked, Rang
from tests.django.alerts.read_models import poison

calls: list[tuple] = []


@reactor(Rang, "alerts.Silenced", name="alerts.call")
def call(event, idempotency_key, using):
    calls.append(("call", event, idempotency_key, using))


@reactor(Rang, name="alerts.skipping", retries=1, on_error="skip")
def skipping(event, **offered):
    if event.text in poison:
        raise ValueError(f"cannot read {event.text}")
    calls.append(("skipping", event, offered["idempotency_key"], offered["using"]))


@reactor(Rang, name="alerts.stopping", retries=2)
def stopping(event):
    if event.text in poison:
        raise ValueError(f"cannot read {event.text}")
    calls.append(("stopping", event, None, None))


@reactor(Checked, name="alerts.later")
async def later(event, using):
    await sync_to_async(calls.append)(("later", event, None, using))


def called(name: str) -> list:
    """The events that a reactor was called for."""
    return [event for each, event, *_ in calls if each == name]
