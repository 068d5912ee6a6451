"""Running modules of Django's suite, plain or tracked, each in a process of its own."""

import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import django

from tests.compat.source import BUILD, suite_directory

ROOT = Path(__file__).resolve().parents[2]
TRACKED = ("tracked", "followed")
"""The settings in suite/ with every model tracked."""


class SuiteFailed(Exception):
    """The suite ended without a report; the message is what it printed."""


@dataclass
class Report:
    """What came of a module's tests."""

    outcomes: dict[str, str]
    details: dict[str, str]
    """The traceback of each test that did not pass."""
    seconds: float
    tables: int = 0
    """How many tables had triggers when the tests began."""
    lost: list[str] = field(default_factory=list)
    """Tables that had triggers then, and have none at the end."""
    untracked: list[str] = field(default_factory=list)
    """Models whose table has other triggers at the end than it should have."""
    events: int = 0
    """Events that were in the logs when each test ended, added up."""
    followed: int = 0
    """How often a receiver or a translation was called for a change."""
    made: int = 0
    """Tables that tests made themselves and that had triggers then."""


def run_plain(module: str) -> Report:
    """Run a module without eventfold, or return what came of it before: Django does not change."""
    kept = BUILD / f"plain-{django.__version__}-{platform.python_version()}-{sqlite3.sqlite_version}" / f"{module}.json"
    if not kept.exists():
        return run(module, "plain", kept)
    return read(kept)


def run_tracked(module: str, settings: str) -> Report:
    """Run a module with every model tracked, with one of the settings of TRACKED."""
    return run(module, settings, BUILD / settings / f"{module}.json")


def run(module: str, settings: str, path: Path) -> Report:
    """Run a module with one of the settings in suite/ and keep the report. Raises SuiteFailed."""
    directory = suite_directory()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    fresh = path.with_suffix(".new")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTEST_"))},
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "python")]),
        "EVENTFOLD_COMPAT_REPORT": str(fresh),
    }
    command = [sys.executable, "runtests.py", "--noinput", "--parallel=1", f"--settings=tests.compat.suite.{settings}"]
    started = time.monotonic()
    done = subprocess.run([*command, module], cwd=directory, env=environment, capture_output=True, text=True)
    if not fresh.exists():
        raise SuiteFailed(f"{module}, {settings}:\n{done.stdout}{done.stderr}")
    data = {**json.loads(fresh.read_text()), "seconds": round(time.monotonic() - started, 2)}
    fresh.unlink()
    path.write_text(json.dumps(data, indent=1, sort_keys=True))
    return read(path)


def read(path: Path) -> Report:
    """Return a report that was kept."""
    data = json.loads(path.read_text())
    return Report(**{**data, "events": sum(data.get("events", {}).values())})
