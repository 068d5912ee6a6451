"""Settings for Django's suite as it is, with a test runner that writes down what came of each test."""

from test_sqlite import *  # noqa: F403  (Django's own, in the directory of its tests)

TEST_RUNNER = "tests.compat.suite.runner.RecordingRunner"
