"""The example has settings of its own, and others with the app `adopted`: each has tests in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("tests", ["example", "example_adopted"])
def test_the_example_passes_its_own_tests(tests, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment["LIBRARY_DATABASE"] = str(tmp_path / "library.sqlite3")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(TESTS / tests / "pytest.ini"), str(TESTS / tests)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
