"""Where read models and reactors stand, for Prometheus: a view, or a collector of prometheus_client's registry.

    path("metrics", include("eventfold.django.metrics")),

The view is open to whoever reaches it, and tells names and numbers: let the web server, or a path that nobody else
knows, keep it from the public.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.urls import path

from eventfold import _core
from eventfold.django.event_views import has_log
from eventfold.django.following.standing import Standing, reactor_standings, standings
from eventfold.django.gate import native

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HEAD = "eventfold_head", "The last position of the log."
_METRICS: list[tuple[str, str, Any]] = [
    ("eventfold_position", "Up to which position it has seen every event.", lambda each: each.position),
    ("eventfold_lag_events", "Positions after its own.", lambda each: each.lag_events),
    ("eventfold_lag_seconds", "How old the first event is that it has not seen.", lambda each: each.lag_seconds),
    ("eventfold_rate", "Positions a second by which it came forward of late.", lambda each: each.rate),
    ("eventfold_dead_letters", "Events that were put aside.", lambda each: each.letters),
    ("eventfold_stopped", "1: it stopped at an event that it cannot take.", lambda each: int(each.stopped)),
    ("eventfold_due", "1: a replay is due, or somebody must say where it goes on.", lambda each: int(bool(each.due))),
    (
        "eventfold_definition_changed",
        "1: its rows were made by another definition.",
        lambda each: int(each.definition_changed),
    ),
]

Sample = tuple[dict[str, str], float]


def samples() -> Iterator[tuple[str, str, list[Sample]]]:
    """Return the name of each metric, what it is, and its labels and values: `database`, `name`, `kind`.

    All are gauges. Databases without a log are left out.
    """
    heads: list[Sample] = []
    found: list[tuple[dict[str, str], Standing]] = []
    for alias in connections:
        connection = connections[alias]
        if connection.vendor != "sqlite" or not has_log(connection):
            continue
        info: dict[str, Any] = native(connection, "eventfold: info", _core.Log.info)
        heads.append(({"database": alias}, info["head"]))
        found += [
            ({"database": alias, "name": each.label, "kind": each.lifecycle}, each)
            for _, each in standings(connection)
            if not each.missing
        ]
        found += [
            ({"database": alias, "name": each.label, "kind": "reactor"}, each) for each in reactor_standings(connection)
        ]
    yield (*_HEAD, heads)
    for name, what, value_of in _METRICS:
        values = [(labels, value_of(each)) for labels, each in found]
        yield name, what, [(labels, value) for labels, value in values if value is not None]


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the metrics in Prometheus' text format, version 0.0.4."""
    return HttpResponse("".join(_lines()), content_type=CONTENT_TYPE)


def _lines() -> Iterator[str]:
    for name, what, values in samples():
        yield f"# HELP {name} {what}\n# TYPE {name} gauge\n"
        for labels, value in values:
            said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            yield f"{name}{{{said}}} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


class Collector:
    """The same for prometheus_client, where that serves the metrics of the project: REGISTRY.register(Collector())."""

    def collect(self) -> Iterator[Any]:
        """Return the metrics as families of gauges. Raises ImportError where prometheus_client is not installed."""
        from prometheus_client.core import GaugeMetricFamily  # type: ignore[import-not-found,unused-ignore]

        for name, what, values in samples():
            family = GaugeMetricFamily(name, what, labels=list(values[0][0]) if values else [])
            for labels, value in values:
                family.add_metric(list(labels.values()), value)
            yield family

    def describe(self) -> list[Any]:
        """Say nothing of the metrics: the registry must not ask the database when the project starts."""
        return []


app_name = "eventfold_metrics"
urlpatterns = [path("", metrics, name="metrics")]
