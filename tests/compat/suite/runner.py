"""Test runners for Django's suite: they write the outcome of each test to a file, as JSON."""

import json
import os
import sqlite3
import sys
import unittest
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.test.runner import DiscoverRunner
from django.test.testcases import TransactionTestCase

from eventfold.errors import InvalidEvent

OUTCOMES = ("success", "skip", "expected failure", "unexpected success", "failure", "error")
"""From good to bad: a test has the worst of what its parts have."""


class RecordingResult(unittest.TextTestResult):
    """Remembers what came of each test, by its id."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outcomes: dict[str, str] = {}
        self.details: dict[str, str] = {}

    def addSuccess(self, test: Any) -> None:
        super().addSuccess(test)
        self._record(test, "success")

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._record(test, "error", err)

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._record(test, "failure", err)

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._record(test, "skip")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._record(test, "expected failure")

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._record(test, "unexpected success")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._record(test, "failure" if issubclass(err[0], test.failureException) else "error", err)

    def _record(self, test: Any, outcome: str, err: Any = None) -> None:
        before = self.outcomes.get(test.id(), outcome)
        self.outcomes[test.id()] = max(before, outcome, key=OUTCOMES.index)
        if err is not None:
            text = self._exc_info_to_string(err, test)
            self.details[test.id()] = f"{self.details.get(test.id(), '')}{text}"


class RecordingRunner(DiscoverRunner):
    """Django's own runner, with a result that is written down."""

    def get_resultclass(self) -> Any:
        return RecordingResult

    def suite_result(self, suite: Any, result: Any, **kwargs: Any) -> Any:
        report = {"outcomes": result.outcomes, "details": result.details, **self.more()}
        Path(os.environ["EVENTFOLD_COMPAT_REPORT"]).write_text(json.dumps(report, indent=1, sort_keys=True))
        return super().suite_result(suite, result, **kwargs)

    def more(self) -> dict[str, Any]:
        """What else is to be written down."""
        return {}


class TrackingRunner(RecordingRunner):
    """Also says which tables are tracked, before and after, and how many events the tests recorded."""

    def run_suite(self, suite: Any, **kwargs: Any) -> Any:
        before = tables_with_all_triggers()
        self.events = count_events_of_each_test()
        self.made = track_tables_that_tests_make()
        result = super().run_suite(suite, **kwargs)
        self.tables = len(before)
        self.lost = sorted(before - tables_with_all_triggers())
        self.untracked = untracked_tables()
        return result

    def more(self) -> dict[str, Any]:
        return {
            "tables": self.tables,
            "lost": self.lost,
            "untracked": self.untracked,
            "events": dict(self.events),
            "followed": times_followed(),
            "made": sum(self.made.values()),
        }


def made() -> list[str]:
    """The aliases whose test database the runner made: those that a test uses."""
    return [alias for alias in connections if connections[alias].settings_dict["NAME"]]


def tables_with_all_triggers() -> set[str]:
    """The tracked tables of all databases, as "alias: table"."""
    from eventfold.django.tracking.install import tables_with_triggers

    return {f"{alias}: {table}" for alias in made() for table in tables_with_triggers(connections[alias])}


def untracked_tables() -> list[str]:
    """The tracked models whose table has not the triggers that it should have."""
    from eventfold.django.tracking.checks import untracked

    return [f"{alias}: {model._meta.label} {why}" for alias in made() for model, why in untracked(connections[alias])]


def times_followed() -> int:
    """How often the app in ledger/, where it is installed, was called for a change."""
    ledger = sys.modules.get("tests.compat.suite.ledger.read_models")
    return sum(ledger.called.values()) if ledger else 0


def track_tables_that_tests_make() -> Counter[str]:
    """Let each table that a test makes with a schema editor have triggers, though its model is in no installed app.

    They stay until the table is made anew, for then only models that are known to be tracked get theirs back.
    """
    from eventfold.django.tracking.install import sync_tracking
    from eventfold.django.tracking.registry import Tracking, with_companions

    made: Counter[str] = Counter()
    create: Callable[[Any, Any], None] = BaseDatabaseSchemaEditor.create_model

    def create_and_track(editor: Any, model: Any) -> None:
        create(editor, model)
        connection = editor.connection
        made_anew = model._meta.db_table.startswith("new__")  # and takes the place of the old one
        if editor.collect_sql or model._meta.proxy or not model._meta.managed or made_anew:
            return
        counted = len(connection.queries_log)
        with suppress(InvalidEvent):  # of a field that no database here has
            for companion, tracking in with_companions(model, Tracking()):
                made[companion._meta.label] += sync_tracking(connection, companion, tracking)
        while len(connection.queries_log) > counted:
            connection.queries_log.pop()  # the test did not ask for them

    BaseDatabaseSchemaEditor.create_model = create_and_track
    return made


def count_events_of_each_test() -> Counter[str]:
    """Add up, by module, the events that are in the logs at the end of each test that uses a database."""
    events: Counter[str] = Counter()
    tear_down: Callable[[Any], None] = TransactionTestCase._post_teardown

    def count_and_tear_down(test: Any) -> None:
        events[type(test).__module__.partition(".")[0]] += sum(map(events_in_log, connections))
        tear_down(test)

    TransactionTestCase._post_teardown = count_and_tear_down
    return events


def events_in_log(alias: str) -> int:
    """Count past Django, so that no test sees a query."""
    raw = connections[alias].connection
    if raw is None:
        return 0
    with suppress(sqlite3.Error):  # the test has taken the log away
        return int(raw.execute("SELECT count(*) FROM eventfold_event").fetchone()[0])
    return 0
