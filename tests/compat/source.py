"""Django's test suite: only its source distribution has it, so the one of the installed Django is fetched."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import django

BUILD = Path(__file__).resolve().parents[2] / "build" / "compat"


class NoSuite(Exception):
    """Django's source distribution could not be had; the message says why."""


def suite_directory() -> Path:
    """Return the directory of Django's tests, downloaded if it was not yet. Raises NoSuite."""
    version = django.__version__
    directory = BUILD / f"django-{version}" / "tests"
    if not (directory / "runtests.py").is_file():
        BUILD.mkdir(parents=True, exist_ok=True)
        _unpack(_download(version), directory.parent)
    return directory


def _download(version: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", "Django", "--dest", str(BUILD), f"Django=={version}"]
    done = subprocess.run(command, capture_output=True, text=True)
    found = sorted(BUILD.glob(f"[Dd]jango-{version}.tar.gz"))
    if not found:
        raise NoSuite(
            f"Django's tests are only in its source distribution, and pip could not download that of {version}. "
            f"Put Django-{version}.tar.gz into {BUILD}, or give pip an index that has it.\n{done.stderr.strip()}"
        )
    return found[0]


def _unpack(archive: Path, directory: Path) -> None:
    unpacking = directory.with_name(f"{directory.name}.unpacking")  # so that half of it never looks like all of it
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(archive) as tar:
        (top,) = {name.partition("/")[0] for name in tar.getnames()}
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not in the first 3.10 and 3.11
        tar.extractall(unpacking, **safely)
    shutil.rmtree(directory, ignore_errors=True)
    (unpacking / top).rename(directory)
    unpacking.rmdir()
