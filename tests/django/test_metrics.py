"""What monitors are told: `events status` and the metrics for Prometheus."""

import json
import re
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from eventfold.django import metrics
from eventfold.django.following.follower import Follower
from eventfold.django.following.turns import Step
from tests.django.alerts.events import Rang
from tests.django.alerts.read_models import CountedAlert, poison

pytestmark = pytest.mark.django_db(databases=["default", "memory"])


@pytest.fixture(autouse=True)
def an_event_that_was_put_aside():
    Rang.objects.create(alert=1, text="a")
    poison.add("x")
    Rang.objects.create(alert=1, text="x")
    call_command(
        "events", "follow", "alerts.SkippingAlert", "alerts.skipping", once=True, stdout=StringIO(), stderr=StringIO()
    )
    poison.clear()


def status():
    out = StringIO()
    call_command("events", "status", "--json", stdout=out)
    return json.loads(out.getvalue())


def test_status_tells_of_reactors_and_dead_letters():
    found = status()
    head = found["log"]["head"]
    model = next(each for each in found["read_models"] if each["name"] == "alerts.SkippingAlert")
    assert (model["dead_letters"], model["lag_events"], model["definition_changed"]) == (1, 0, False)
    reactor = next(each for each in found["reactors"] if each["name"] == "alerts.skipping")
    assert reactor == {
        "name": "alerts.skipping",
        "begun": True,
        "position": head,
        "lag_events": 0,
        "lag_seconds": 0.0,
        "rate": 0.0,
        "dead_letters": 1,
        "problem": None,
        "stopped": False,
        "failures": 0,
        "error": None,
    }
    waiting = next(each for each in found["reactors"] if each["name"] == "alerts.call")
    assert waiting["lag_events"] == 2 and waiting["lag_seconds"] > 0


def test_status_says_it_in_words():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventfold_follower WHERE name = 'reactor:alerts.call'")
        cursor.execute("UPDATE eventfold_read_model SET due = 1 WHERE name = 'reactor:alerts.later'")
        cursor.execute("INSERT INTO eventfold_pace VALUES ('reactor:alerts.stopping', unixepoch() * 1000, 1234.5)")
    out = StringIO()
    call_command("events", "status", stdout=out)
    said = out.getvalue()
    assert "    1 dead letter: see `manage.py events letters list alerts.SkippingAlert --database default`\n" in said
    assert "  alerts.call: new; it begins when `manage.py events follow` or migrate runs\n" in said
    assert "  alerts.later: it cannot go on by itself, since events were loaded, which may have happened" in said
    assert re.search(
        r"  alerts\.stopping: up to position [\d,]+: 2 positions and .* s behind, at 1,23\d positions", said
    )
    assert re.search(r"  alerts\.skipping: up to position [\d,]+: caught up\n", said)


def test_a_follower_notes_how_fast_it_is():
    follower = Follower(CountedAlert, "default")
    follower._measured = (time.monotonic() - 2, 0)  # two seconds ago
    assert follower.step(now=True) is Step.FOLDED
    model = next(each for each in status()["read_models"] if each["name"] == "alerts.CountedAlert")
    assert 0 < model["rate"] <= 1 and model["lag_events"] == 0  # two events in two seconds, or a little more


def test_a_definition_that_changed_shows():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET spec_hash = 'x' WHERE name = 'alerts.CountedAlert'")
    model = next(each for each in status()["read_models"] if each["name"] == "alerts.CountedAlert")
    assert model["definition_changed"] and model["replay_due"]


def test_the_view_speaks_prometheus_text_format(client):
    response = client.get("/metrics")
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = response.content.decode().splitlines()
    comment = re.compile(r"# (HELP|TYPE) eventfold_\w+ .+")
    sample = re.compile(r'(eventfold_\w+)\{(\w+="[^"]*",?)+\} -?[\d.e+-]+')
    assert lines and all((comment if line.startswith("#") else sample).fullmatch(line) for line in lines)
    head = status()["log"]["head"]
    assert f'eventfold_head{{database="default"}} {head}' in lines
    assert 'eventfold_dead_letters{database="default",name="alerts.SkippingAlert",kind="async"} 1' in lines
    assert 'eventfold_dead_letters{database="default",name="alerts.skipping",kind="reactor"} 1' in lines
    assert 'eventfold_lag_events{database="default",name="alerts.call",kind="reactor"} 2' in lines
    assert 'eventfold_dead_letters{database="memory",name="alerts.skipping",kind="reactor"} 0' in lines
    for line in lines:
        if line.startswith("# TYPE"):
            assert line.endswith(" gauge")


def test_names_are_escaped():
    assert metrics._escaped('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


def test_prometheus_client_gives_the_same():
    prometheus = pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    registry = prometheus.CollectorRegistry()
    registry.register(metrics.Collector())
    labels = {"database": "default", "name": "alerts.SkippingAlert", "kind": "async"}
    assert registry.get_sample_value("eventfold_dead_letters", labels) == 1
    assert "# TYPE eventfold_head gauge" in prometheus.generate_latest(registry).decode()
