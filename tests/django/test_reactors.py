"""@reactor: functions for effects, which `events follow` calls once for each new event."""

import inspect
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from eventfold import EventfoldError, _core
from eventfold.django import reactor
from eventfold.django.following.beginnings import begin_new_reactors
from eventfold.django.following.checkpoints import read_checkpoint
from eventfold.django.following.reacting import ReactorFollower
from eventfold.django.following.turns import Step
from eventfold.django.gate import native
from eventfold.django.reactors import _reactors, all_reactors, reactors_of
from tests.django.alerts.events import Checked, Rang, Silenced
from tests.django.alerts.reactors import called, calls
from tests.django.alerts.read_models import CountedAlert, poison

on_disk = pytest.mark.django_db(transaction=True)
both = pytest.mark.django_db(databases=["default", "memory"])


@pytest.fixture(autouse=True)
def nothing_called():
    calls.clear()
    poison.clear()
    yield
    calls.clear()
    poison.clear()


def follow(*names, **options):
    """Run it with --once; return what it says."""
    out = StringIO()
    call_command("events", "follow", *names, once=True, stdout=out, stderr=out, **options)
    return out.getvalue()


def follower(name, alias="default", **options):
    return ReactorFollower(_reactors[name], alias, **options)


def position(name, alias="default"):
    return read_checkpoint(connections[alias], f"reactor:{name}").position


@both
def test_given_new_events_when_followed_then_a_reactor_is_called_once_for_each_in_the_order_of_the_log(alias):
    events = [Rang.objects.using(alias).create(alert=n, text=str(n)) for n in range(3)]
    silenced = Silenced.objects.using(alias).create(alert=1)
    Checked.objects.using(alias).create(line="a")
    assert calls == []
    follow(database=alias)
    follow(database=alias)
    assert called("call") == [*events, silenced]
    assert called("stopping") == events
    assert [event.line for event in called("later")] == ["a"]
    assert position("alerts.call", alias) >= silenced.position


@both
def test_it_gets_the_event_with_what_the_log_knows_of_it(alias, django_assert_num_queries):
    event = Rang.objects.using(alias).create(alert=7, text="fire")
    follow(database=alias)
    (found,) = called("call")
    event_id = event.recorded.event_id
    with django_assert_num_queries(0, using=alias):
        assert (found.alert, found.text, found.position) == (7, "fire", event.position)
        assert found.recorded.event_id == event_id
        assert found.created == event.created


@both
def test_the_idempotency_key_is_the_same_for_each_try_and_no_other_event_or_reactor(alias):
    Rang.objects.using(alias).create(alert=1, text="a")
    second = Rang.objects.using(alias).create(alert=1, text="b")
    follow(database=alias)
    keys = [key for _, _, key, _ in calls if key]
    assert len(set(keys)) == 4 and all(uuid.UUID(key) for key in keys)
    assert {using for *_, using in calls if using} == {alias}
    follow("alerts.call", begin=str(second.position), database=alias)
    assert calls[-1][1:3] == (second, next(key for name, event, key, _ in calls if name == "call" and event == second))


@both
def test_a_pattern_stands_for_all_event_types_of_an_app(alias):
    try:
        reactor("alerts.*", name="alerts.every")(lambda event: calls.append(("every", event, None, None)))
        begin_new_reactors(alias)
        events = [
            Rang.objects.using(alias).create(alert=1, text="a"),
            Checked.objects.using(alias).create(line="a"),
            Silenced.objects.using(alias).create(alert=1),
        ]
        follow("alerts.every", database=alias)
        assert called("every") == events
    finally:
        del _reactors["alerts.every"]


@both
def test_a_replay_calls_no_reactor(alias):
    Rang.objects.using(alias).create(alert=1, text="a")
    follow(database=alias)
    calls.clear()
    call_command("events", "replay", "alerts.CountedAlert", database=alias, verbosity=0)
    follow(database=alias)
    assert calls == []


@both
def test_a_new_reactor_begins_at_the_head_of_the_log_unless_it_is_told_to_begin_elsewhere(alias):
    old = [Rang.objects.using(alias).create(alert=1, text=text) for text in "ab"]
    with connections[alias].cursor() as cursor:
        cursor.execute("DELETE FROM eventfold_follower WHERE name = 'reactor:alerts.call'")
        cursor.execute("DELETE FROM eventfold_read_model WHERE name = 'reactor:alerts.call'")
    said = follow("alerts.call", database=alias)
    assert "alerts.call: it begins after position" in said and "the head of the log" in said
    assert called("call") == []
    new = Rang.objects.using(alias).create(alert=1, text="c")
    follow("alerts.call", database=alias)
    assert called("call") == [new]
    follow("alerts.call", begin=str(old[1].position), database=alias)
    assert called("call") == [new, old[1], new]
    Rang.objects.using(alias).create(alert=1, text="d")
    follow("alerts.call", begin="head", database=alias)
    assert len(called("call")) == 3


@both
def test_migrate_sees_a_new_reactor_first(alias):
    try:
        reactor(Rang, name="alerts.fresh")(lambda event: calls.append(("fresh", event, None, None)))
        begin_new_reactors(alias)
        event = Rang.objects.using(alias).create(alert=1, text="a")
        follow("alerts.fresh", database=alias)
        assert called("fresh") == [event]
    finally:
        del _reactors["alerts.fresh"]


@both
@pytest.mark.parametrize(
    ("names", "begin", "message"),
    [
        ((), "1", "--from is for reactors, which must be named"),
        (("sales.AsyncItem",), "1", "--from is for reactors"),
        (("alerts.call",), "-1", "takes a position or `head`"),
        (("alerts.call",), "0", "has the positions 1 to"),
        (("alerts.call",), "999999999", "has the positions 1 to"),
        (("alerts.nothing",), None, r"alerts\.nothing is no read model or reactor of the database"),
    ],
)
def test_what_cannot_be_begun_is_refused(alias, names, begin, message):
    with pytest.raises((CommandError, EventfoldError), match=message):
        follow(*names, begin=begin, database=alias)


@both
def test_an_effect_that_fails_is_tried_again_and_then_its_reactor_stops_there_and_no_other(alias):
    first = Rang.objects.using(alias).create(alert=1, text="good")
    poison.add("bad")
    bad = Rang.objects.using(alias).create(alert=1, text="bad")
    Checked.objects.using(alias).create(line="a")
    out = StringIO()
    with pytest.raises(CommandError, match="Not everything could be followed"):
        call_command("events", "follow", once=True, database=alias, stdout=out, stderr=out)
    said = out.getvalue()
    assert f"alerts.stopping cannot take the event at position {bad.position:,}: ValueError: cannot read bad" in said
    assert "after 2 tries it stops there" in said
    assert called("stopping") == [first] and called("call") == [first, bad] and len(called("later")) == 1
    assert read_checkpoint(connections[alias], "reactor:alerts.stopping").stopped
    poison.clear()
    follow(database=alias)
    assert called("stopping") == [first, bad] and called("call") == [first, bad]


@both
def test_the_lease_is_taken_before_an_effect_so_that_nobody_else_does_the_same(alias):
    Rang.objects.using(alias).create(alert=1, text="a")
    other = follower("alerts.call", alias, worker="elsewhere 2 b")
    found = []
    try:

        @reactor(Rang, name="alerts.slow")
        def slow(event):
            found.append(follower("alerts.slow", alias, worker="elsewhere 2 b").step())

        begin_new_reactors(alias)
        Rang.objects.using(alias).create(alert=1, text="b")
        assert follower("alerts.slow", alias, worker="elsewhere 1 a").step() is Step.FOLDED
    finally:
        del _reactors["alerts.slow"]
    assert found == [Step.BUSY]
    assert other.step() is Step.FOLDED and other.step() is Step.IDLE  # another reactor is free


@both
def test_an_effect_that_takes_long_lets_others_have_their_turn_after_it(alias, monkeypatch):
    monkeypatch.setattr("eventfold.django.following.reacting._LONGEST", 0)
    events = [Rang.objects.using(alias).create(alert=n, text="a") for n in range(3)]
    one, other = (follower("alerts.call", alias, worker=f"elsewhere {n} a") for n in (1, 2))
    assert one.step() is Step.FOLDED and called("call") == events[:1]
    assert other.step() is Step.FOLDED and called("call") == events[:2]  # nobody holds it meanwhile
    assert one.step() is Step.FOLDED and called("call") == events
    assert one.step() is Step.IDLE


@both
def test_when_somebody_else_has_moved_the_checkpoint_it_is_left_as_it_is(alias):
    one = follower("alerts.call", alias)
    events = [Rang.objects.using(alias).create(alert=n, text="a") for n in range(2)]
    at = position("alerts.call", alias)

    def take_over(event):
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "UPDATE eventfold_read_model SET position = %s WHERE name = 'reactor:alerts.call'", [events[1].position]
            )

    one.call = lambda event: take_over(event)
    assert at < events[0].position
    assert one.step() is Step.BUSY
    assert position("alerts.call", alias) == events[1].position


@both
def test_events_that_were_loaded_wait_until_somebody_says_where_it_goes_on(alias):
    Rang.objects.using(alias).create(alert=1, text="a")
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE eventfold_read_model SET due = 1 WHERE name = 'reactor:alerts.call'")  # as loaddata does
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("events", "follow", "alerts.call", once=True, database=alias, stdout=out, stderr=out)
    assert (
        f"`manage.py events follow alerts.call --from POSITION --database {alias}`, or `--from head`" in out.getvalue()
    )
    follow("alerts.call", begin="head", database=alias)
    assert called("call") == []


@both
def test_a_flush_leaves_it_at_the_head(alias):
    Rang.objects.using(alias).create(alert=1, text="a")
    native(connections[alias], "empty", _core.Log.empty)
    event = Rang.objects.using(alias).create(alert=1, text="b")
    follow("alerts.call", database=alias)
    assert called("call") == [event]


@on_disk
def test_an_effect_may_write_to_the_database_and_commits_at_once():
    try:

        @reactor(Rang, name="alerts.writing")
        def writing(event):
            with transaction.atomic():
                Checked.objects.create(line=event.text)
                transaction.on_commit(lambda: calls.append(("committed", event, None, None)))

        begin_new_reactors("default")
        event = Rang.objects.create(alert=1, text="a")
        follow("alerts.writing")
        assert called("committed") == [event] and Checked.objects.get().line == "a"
    finally:
        del _reactors["alerts.writing"]


@on_disk
def test_an_effect_that_leaves_a_transaction_open_or_closes_the_connection_stops_nobody_else():
    def leave_open(event):
        connection.connection.execute("BEGIN")

    def close(event):
        connection.close()

    try:
        reactor(Rang, name="alerts.open", retries=1)(leave_open)
        reactor(Rang, name="alerts.close")(close)
        begin_new_reactors("default")
        event = Rang.objects.create(alert=1, text="a")
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("events", "follow", "alerts.open", "alerts.close", "alerts.call", once=True, stderr=out)
        assert "alerts.open cannot take" in out.getvalue() and "it left a transaction open" in out.getvalue()
        assert called("call") == [event] and position("alerts.close") >= event.position
    finally:
        del _reactors["alerts.open"], _reactors["alerts.close"]


@both
def test_in_a_test_case_an_effect_that_breaks_a_query_leaves_the_transaction_whole(alias):
    def break_it(event):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1 FROM nowhere")

    try:
        reactor(Rang, name="alerts.broken", retries=1)(break_it)
        begin_new_reactors(alias)
        Rang.objects.using(alias).create(alert=1, text="a")
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("events", "follow", "alerts.broken", once=True, database=alias, stderr=out)
        assert "OperationalError: no such table: nowhere" in out.getvalue()
        assert CountedAlert.objects.using(alias).count() == 0
    finally:
        del _reactors["alerts.broken"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "takes event types"),
        ((7,), {}, "takes event types"),
        ((Rang,), {"retries": 0}, "retries is a number of tries from 1 on"),
        ((Rang,), {"retries": True}, "retries is a number"),
        ((Rang,), {"on_error": "go on"}, 'on_error is "stop" or "skip"'),
        ((Rang,), {"timeout": 0}, "timeout is a number of seconds"),
        ((Rang,), {"name": "alerts.call"}, "there are two of the name 'alerts.call'"),
    ],
)
def test_a_declaration_that_says_nothing_useful_is_refused(arguments, options, message):
    with pytest.raises(TypeError, match=message):
        reactor(*arguments, **options)(lambda event: None)


def test_a_reactor_is_the_function_itself_and_its_name_is_that_of_the_function():
    try:

        @reactor("alerts.Rang")
        def plain(event): ...

        assert inspect.isfunction(plain)
        (found,) = [each for each in all_reactors() if each.function is plain]
        assert found.name.startswith("tests.django.test_reactors.") and found.name.endswith("plain")
        assert found in reactors_of("default")
    finally:
        del _reactors[found.name]
