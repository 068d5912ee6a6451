"""Shells for the pages."""

import os
import sys
from pathlib import Path

import pytest

from tests.stranger import Shell


@pytest.fixture
def here(tmp_path: Path) -> Shell:
    """A shell in an empty directory, with the environment that runs the tests."""
    shell = Shell(tmp_path)
    shell.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{shell.environment['PATH']}"
    return shell
