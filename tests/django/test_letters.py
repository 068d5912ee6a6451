"""Dead letters: events that a read model or a reactor could not take, and `events letters`."""

import json
from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections

from eventfold import EventLog, ProjectionError
from eventfold.django import NotYetFollowed, wait_for
from eventfold.django.following.keepers import give_back
from eventfold.django.following.letters import read_letters
from eventfold.django.following.policy import policy
from eventfold.django.read_models import Declaration
from tests.django.alerts.events import Checked, Paged, Rang, Silenced
from tests.django.alerts.reactors import called, calls
from tests.django.alerts.read_models import CountedAlert, PagedAlert, SkippingAlert, StoppingAlert, poison

both = pytest.mark.django_db(databases=["default", "memory"])
NAMES = "alerts.SkippingAlert", "alerts.CountedAlert", "alerts.skipping"


@pytest.fixture(autouse=True)
def nothing_poisoned():
    calls.clear()
    poison.clear()
    yield
    calls.clear()
    poison.clear()


def follow(*names, **options):
    out = StringIO()
    call_command("events", "follow", *(names or NAMES), once=True, stdout=out, stderr=out, **options)
    return out.getvalue()


def letters(*arguments, **options):
    """Run `events letters`; return what it says."""
    out = StringIO()
    call_command("events", "letters", *map(str, arguments), stdout=out, stderr=out, **options)
    return out.getvalue()


def ring(alert, text, alias):
    return Rang.objects.using(alias).create(alert=alert, text=text)


def texts(alias, model=SkippingAlert):
    return dict(model.objects.using(alias).values_list("alert", "texts"))


def of(name, alias):
    return {letter.position: letter for letter in read_letters(connections[alias], name)}


@both
def test_given_an_event_that_cannot_be_folded_when_it_is_skipped_then_later_events_of_its_row_wait_with_it(alias):
    poison.add("x")
    ring(1, "a", alias)
    bad = ring(1, "x", alias)
    ring(2, "b", alias)
    waits = ring(1, "c", alias)
    silenced = Silenced.objects.using(alias).create(alert=1)
    ring(2, "d", alias)
    said = follow(database=alias)
    assert texts(alias) == {1: "a", 2: "bd"}
    assert "it is a dead letter" in said and f"`manage.py events letters list --database {alias}`" in said
    assert CountedAlert.objects.using(alias).count() == 1  # nothing of it is poisoned
    found = of("alerts.SkippingAlert", alias)
    assert list(found) == [bad.position, waits.position, silenced.position]
    assert [letter.waits for letter in found.values()] == [False, True, True]
    assert found[bad.position].failures == 1 and "ValueError: cannot read x" in found[bad.position].error
    assert called("skipping") == [event for event in Rang.objects.using(alias).order_by("position") if event != bad]
    assert list(of("reactor:alerts.skipping", alias)) == [bad.position]


@both
def test_events_of_the_row_that_come_much_later_wait_too(alias):
    poison.add("x")
    ring(1, "x", alias)
    follow(database=alias)
    later = [ring(n % 3, "a", alias) for n in range(12)]
    follow(database=alias)
    assert texts(alias) == {0: "aaaa", 2: "aaaa"}
    assert [letter.position for letter in list(of("alerts.SkippingAlert", alias).values())[1:]] == [
        event.position for event in later if event.alert == 1
    ]


@both
def test_when_it_is_retried_with_mended_code_the_row_is_as_if_nothing_had_failed(alias):
    poison.add("x")
    for text in "axbc":
        ring(1, text, alias)
    follow(database=alias)
    with pytest.raises(CommandError, match="Not every letter"):
        letters("retry", all=True, database=alias)
    assert of("alerts.SkippingAlert", alias) and texts(alias) == {1: "a"}
    poison.clear()
    assert "4 taken, 0 failed, 0 wait" in letters(
        "retry", all=True, database=alias
    )  # three of the row, one of the reactor
    assert texts(alias) == {1: "axbc"}
    assert read_letters(connections[alias]) == []
    assert [event.text for event in called("skipping")] == ["a", "b", "c", "x"]
    ring(1, "d", alias)
    follow(database=alias)
    assert texts(alias) == {1: "axbcd"}


@both
def test_a_retry_stops_at_the_next_event_that_fails_and_says_which(alias):
    poison.update("xy")
    for text in "xayb":
        ring(1, text, alias)
    follow(database=alias)
    poison.remove("x")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("events", "letters", "retry", "alerts.SkippingAlert", database=alias, stdout=out, stderr=out)
    assert "cannot read y" in out.getvalue() and "2 taken, 1 failed, 1 wait" in out.getvalue()
    assert texts(alias) == {1: "xa"}
    first, second = of("alerts.SkippingAlert", alias).values()
    assert (first.failures, second.failures) == (1, 0)


@both
def test_a_letter_that_waits_cannot_be_taken_before_the_one_it_waits_for(alias):
    poison.add("x")
    for text in "xa":
        ring(1, text, alias)
    follow(database=alias)
    first, second = of("alerts.SkippingAlert", alias).values()
    with pytest.raises(
        CommandError, match=f"waits for the one at position .* retry or discard letter {first.id} first"
    ):
        letters("retry", second.id, database=alias)
    assert texts(alias) == {}


@both
def test_when_a_letter_is_discarded_those_that_waited_for_it_are_taken(alias):
    poison.add("x")
    for text in "axbc":
        ring(1, text, alias)
    follow(database=alias)
    (bad, *_) = of("alerts.SkippingAlert", alias).values()
    said = letters("discard", bad.id, database=alias)
    assert "1 discarded; of those that waited for them, 2 taken, 0 failed" in said
    assert texts(alias) == {1: "abc"}
    letters("discard", "alerts.skipping", database=alias)
    assert letters("list", database=alias) == "There is no dead letter.\n"


@both
def test_a_replay_folds_every_event_anew_and_empties_the_letters_of_its_read_model_alone(alias):
    poison.add("x")
    for text in "xa":
        ring(1, text, alias)
    follow(database=alias)
    with pytest.raises(CommandError, match="cannot read x"):
        call_command("events", "replay", "alerts.SkippingAlert", database=alias, verbosity=0)
    assert len(of("alerts.SkippingAlert", alias)) == 2  # a replay skips nothing
    poison.clear()
    call_command("events", "replay", "alerts.SkippingAlert", database=alias, verbosity=0)
    assert of("alerts.SkippingAlert", alias) == {} and len(of("reactor:alerts.skipping", alias)) == 1
    assert texts(alias) == {1: "xa"}
    ring(1, "b", alias)
    follow(database=alias)
    assert texts(alias) == {1: "xab"}


@both
def test_an_event_without_a_key_concerns_no_row_and_holds_up_none(alias):
    from eventfold.django.connection import database_of

    EventLog.on(database_of(connections[alias])).append("alerts.Rang", {"alert": None, "text": "a", "minutes": 1})
    ring(1, "b", alias)
    follow("alerts.SkippingAlert", database=alias)
    (letter,) = of("alerts.SkippingAlert", alias).values()
    assert 'its key "alert" is null' in letter.error and letter.keys == frozenset()
    assert texts(alias) == {1: "b"}


@both
def test_all_rows_of_an_event_of_several_wait_for_it(alias):
    poison.add("x")
    paged = [([1, 2], "a"), ([2, 3], "x"), ([1], "b"), ([3, 4], "c"), ([4], "d"), ([1], "e")]
    for alerts, text in paged:
        Paged.objects.using(alias).create(alerts=alerts, text=text)
    follow("alerts.PagedAlert", database=alias)
    assert texts(alias, PagedAlert) == {1: "abe", 2: "a"}  # 4 waits with 3, which waits with 2
    assert [sorted(letter.keys) for letter in of("alerts.PagedAlert", alias).values()] == [
        ["[2]", "[3]"],
        ["[3]", "[4]"],
        ["[4]"],
    ]
    poison.clear()
    assert "3 taken, 0 failed, 0 wait" in letters("retry", "alerts.PagedAlert", database=alias)
    assert texts(alias, PagedAlert) == {1: "abe", 2: "ax", 3: "xc", 4: "cd"}


@both
def test_all_of_its_rows_wait_also_where_the_first_of_them_fails_natively(alias):
    for alerts, text, size in (([1], "a", 2**63 - 1), ([1, 2], "b", 5), ([2], "c", 1), ([3], "d", 1)):
        Paged.objects.using(alias).create(alerts=alerts, text=text, size=size)
    follow("alerts.PagedAlert", database=alias)
    assert texts(alias, PagedAlert) == {1: "a", 3: "d"}
    first, second = of("alerts.PagedAlert", alias).values()
    assert "64 bits" in first.error and first.keys == {"[1]", "[2]"}
    assert second.waits


@both
def test_they_are_listed_and_shown_with_their_events(alias):
    poison.add("x")
    for text in "xa":
        ring(1, text, alias)
    follow(database=alias)
    first, second, third = json.loads(letters("list", json=True, database=alias))
    assert (first["name"], first["kind"], first["keys"], first["waits"]) == (
        "alerts.SkippingAlert",
        "read_model",
        [[1]],
        False,
    )
    assert (second["waits"], second["failures"], second["error"]) == (True, 0, None)
    assert (third["name"], third["kind"], third["error"]) == ("alerts.skipping", "reactor", "ValueError: cannot read x")
    assert first["data"] == {"alert": 1, "text": "x", "minutes": 1} and first["type"] == "alerts.Rang"
    (shown,) = json.loads(letters("show", first["id"], json=True, database=alias))
    assert shown == first
    listed = letters("list", database=alias)
    assert (
        f"{first['id']}: alerts.SkippingAlert, alerts.Rang at position {first['position']:,}: failed 1 time: " in listed
    )
    assert f"{second['id']}: alerts.SkippingAlert, " in listed and "waits for an earlier one of the same row" in listed
    assert "alerts.skipping" not in letters("list", "alerts.SkippingAlert", database=alias)
    assert '  data: {"alert": 1, "text": "x"' in letters("show", first["id"], database=alias)


@both
@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("retry",), {}, "Say which letters to retry"),
        (("discard",), {}, "Say which letters to discard"),
        (("show", "999999"), {}, "There is no letter 999999"),
        (("retry", "1"), {"all": True}, "--all is for retry and discard, and names no letters"),
        (("list",), {"all": True}, "--all is for retry and discard"),
        (("retry", "1"), {"json": True}, "--json is for list and show"),
    ],
)
def test_what_cannot_be_done_is_refused(alias, arguments, options, message):
    with pytest.raises(CommandError, match=message):
        letters(*arguments, **options, database=alias)


@both
def test_wait_for_says_that_the_event_was_put_aside(alias):
    poison.add("x")
    ring(1, "x", alias)
    follow(database=alias)
    waits = ring(1, "a", alias)
    with pytest.raises(
        NotYetFollowed, match=r"has put the event at position .* aside, see `manage\.py events letters show"
    ):
        wait_for(waits.position, SkippingAlert, using=alias)
    wait_for(ring(2, "a", alias).position, SkippingAlert, using=alias)
    assert texts(alias) == {2: "a"}


@both
def test_appends_cannot_keep_a_read_model_that_has_letters(alias):
    poison.add("x")
    ring(1, "x", alias)
    follow(database=alias)
    with pytest.raises(ProjectionError, match=r"has dead letters, past which appends would fold later events"):
        give_back(SkippingAlert, alias)
    ring(1, "a", alias)
    assert texts(alias) == {}
    letters("discard", all=True, database=alias)
    give_back(SkippingAlert, alias)
    ring(1, "b", alias)
    assert texts(alias) == {1: "ab"}


@both
def test_the_settings_say_what_a_projection_and_a_reactor_leave_open(alias, settings):
    settings.EVENTFOLD = {"FOLLOW": {"on_error": "skip", "retries": 1}}
    poison.add("x")
    ring(1, "x", alias)
    ring(2, "a", alias)
    follow("alerts.StoppingAlert", "alerts.stopping", retries=1, database=alias)
    assert texts(alias, StoppingAlert) == {2: "a"}
    assert {letter.name for letter in read_letters(connections[alias])} == {
        "alerts.StoppingAlert",
        "reactor:alerts.stopping",
    }
    assert (policy(None, None).retries, policy(3, "stop").retries, policy(3, "stop").on_error) == (1, 3, "stop")


@pytest.mark.parametrize(
    "found", [{"retry": 1}, {"retries": 0}, {"retries": "5"}, {"on_error": "go on"}, [("retries", 1)], None]
)
def test_settings_that_make_no_sense_are_refused(settings, found):
    settings.EVENTFOLD = {"FOLLOW": found}
    with pytest.raises(ImproperlyConfigured, match=r'EVENTFOLD\["FOLLOW"\]'):
        policy(None, None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("retries", 0, "retries is a number of tries"), ("on_error", "ignore", 'on_error is "stop" or "skip"')],
)
def test_a_projection_that_makes_no_sense_is_refused(name, value, message):
    projection = type("Projection", (), {"key": "alert", name: value})
    with pytest.raises(TypeError, match=f"Alert.Projection: {message}"):
        Declaration.read("Alert", projection)


@both
def test_a_letter_whose_read_model_is_gone_can_only_be_discarded(alias):
    event = Checked.objects.using(alias).create(line="a")
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "INSERT INTO eventfold_dead_letter (name, position, keys, failures, put_at) "
            "VALUES ('x.Gone', %s, '[]', 1, 0)",
            [event.position],
        )
    with pytest.raises(CommandError, match=r"no read model or reactor 'x\.Gone' any more: discard its letters"):
        letters("retry", "x.Gone", database=alias)
    letters("discard", "x.Gone", database=alias)
    assert read_letters(connections[alias]) == []
