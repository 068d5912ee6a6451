"""What a stranger does: an empty directory, a new environment, and eventfold installed from its source distribution.

Made once for a test run, on demand (about a minute: the extension is compiled), and removed at its end.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The first commands of docs/quickstart.md, where `eventfold` holds the source.
INSTALL = ["python3 -m venv .venv", ". .venv/bin/activate", 'python -m pip install "./eventfold[django]"']

# Of a shell that tests were started from; they would reach into the new environment.
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE", "EVENTFOLD_SQLITE_WAY")


@dataclass
class Shell:
    """Runs commands as one shell would: `cd`, `export` and an activated environment last."""

    directory: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    )

    def run(self, command: str, timeout: float = 600) -> tuple[int, str]:
        """Return the exit code of a command, and what it wrote to both outputs."""
        with tempfile.NamedTemporaryFile() as state:
            script = f"{command}\ncode=$?\npwd > {state.name}\nenv -0 >> {state.name}\nexit $code"
            done = subprocess.run(
                ["bash", "-c", script],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
            )
            text = Path(state.name).read_text()
        if text:  # empty where the command itself ended the shell
            directory, _, variables = text.partition("\n")
            self.directory = Path(directory)
            self.environment = dict(pair.split("=", 1) for pair in variables.split("\0") if pair)
        return done.returncode, done.stdout


@cache
def directory() -> Path:
    """A directory with nothing in it but `eventfold`, the unpacked source distribution."""
    folder = Path(tempfile.mkdtemp(prefix="eventfold-stranger-"))
    atexit.register(_remove, folder, os.getpid())
    with tempfile.TemporaryDirectory() as dist:
        build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", dist, str(ROOT)]
        done = subprocess.run(build, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        (archive,) = Path(dist).iterdir()
        with tarfile.open(archive) as tar:
            tar.extractall(dist, filter="data")
        shutil.move(archive.with_name(archive.name.removesuffix(".tar.gz")), folder / "eventfold")
    return folder


@cache
def installed() -> Shell:
    """A shell in that directory, after INSTALL. To be copied by those who change it."""
    # The python3 of the test run makes the new environment.
    shell = Shell(directory())
    shell.environment["PATH"] = f"{_base_python().parent}{os.pathsep}{shell.environment['PATH']}"
    for command in INSTALL:
        code, output = shell.run(command)
        assert code == 0, f"$ {command}\n{output}"
    return shell


def _base_python() -> Path:
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a child of a fork
        shutil.rmtree(folder, ignore_errors=True)
