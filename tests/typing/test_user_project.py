"""What a type checker says of a project that uses eventfold: nothing."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent / "project"


def test_mypy_strict_accepts_a_project_with_events_read_models_and_a_log(tmp_path):
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues found in 5 source files" in done.stdout
