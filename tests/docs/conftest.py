"""Where the examples of the pages are run."""

import copy
import os
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest

from tests import stranger
from tests.docs.runner import run_page

QUICKSTART = stranger.ROOT / "docs" / "quickstart.md"


def shell_in(directory: Path) -> stranger.Shell:
    """A shell with the environment that runs the tests."""
    shell = stranger.Shell(directory)
    shell.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{shell.environment['PATH']}"
    return shell


@cache
def _quickstart() -> Exception | None:
    try:
        run_page(QUICKSTART, copy.copy(stranger.installed()))
    except Exception as error:
        return error
    return None


def quickstart() -> Path:
    """The project that docs/quickstart.md makes, in the stranger's directory. Made once; if that fails, so do all."""
    if error := _quickstart():
        raise error
    return stranger.directory() / "library"


@cache
def fresh_project() -> Path:
    """The same without the history: the other pages begin with it."""
    directory = stranger.directory() / "fresh"
    shutil.copytree(quickstart(), directory, ignore=shutil.ignore_patterns("db.sqlite3*", "__pycache__"))
    code, output = shell_in(directory).run("python manage.py migrate")
    assert code == 0, output
    return directory


@pytest.fixture
def here(tmp_path: Path) -> stranger.Shell:
    """A shell in an empty directory."""
    return shell_in(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> stranger.Shell:
    """A shell in the project of the quickstart."""
    shutil.copytree(fresh_project(), tmp_path / "library")
    return shell_in(tmp_path / "library")
