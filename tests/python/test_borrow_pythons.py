"""The same tests under another Python of the same version, above all one that can load extensions."""

import os
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest


def _fitting_python() -> str | None:
    """A Python that runs the extension built for this one, and has what this one lacks."""
    for name in (f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}", "/usr/bin/python3"):
        if not Path(name).exists() or shutil.which(name) is None:
            continue
        question = (
            "import sqlite3, sysconfig; print(sysconfig.get_config_var('SOABI'), "
            "hasattr(sqlite3.Connection, 'enable_load_extension'))"
        )
        answer = subprocess.run([name, "-c", question], capture_output=True, text=True).stdout.split()
        if answer == [sysconfig.get_config_var("SOABI"), "True"]:
            return name
    return None


@pytest.mark.skipif(hasattr(sqlite3.Connection, "enable_load_extension"), reason="this Python loads extensions")
def test_all_ways_under_a_python_that_can_load_extensions(package: Path) -> None:
    python = _fitting_python()
    if python is None:
        pytest.skip("there is no such Python here")
    packages = os.pathsep.join([str(package), *(entry for entry in sys.path if "site-packages" in entry)])
    folder = Path(__file__).parent
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:django", "-p", "no:cacheprovider", str(folder)],
        env={**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder.parent.parent,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
