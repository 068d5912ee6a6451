"""The example project has settings of its own, so its tests (tests/example) run in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "example"


def test_the_example_passes_its_own_tests(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment["LIBRARY_DATABASE"] = str(tmp_path / "library.sqlite3")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(TESTS / "pytest.ini"), str(TESTS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
