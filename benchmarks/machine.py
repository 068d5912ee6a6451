"""What the figures were taken on."""

import os
import platform
import re
import sqlite3
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "eventfold",
    "Django",
    "orjson",
    "duckdb",
    "eventsourcing",
    "django-simple-history",
    "django-auditlog",
    "django-reversion",
    "django-easy-audit",
)


def describe() -> dict[str, str]:
    """Return the machine and the versions of what is compared, as text."""
    found = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "C compiler": _first_line(["cc", "--version"]),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def load() -> float:
    """Return how many processes wanted to run in the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or "unknown"


def _first_line(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "none"
