"""Ways of borrowing, connections opened for them, and scripts run in a process of their own."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import eventfold
from eventfold import EventLog, _borrow, _core

NATIVE = ("load_extension", "auto_extension")


@pytest.fixture(params=_borrow.WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Each way of reaching SQLite."""
    if request.param == "load_extension" and not hasattr(sqlite3.Connection, "enable_load_extension"):
        pytest.skip("this Python cannot load extensions; test_borrow_pythons.py runs one that can")
    return str(request.param)


@pytest.fixture
def native_way(way: str) -> str:
    """Each way that borrows the handle itself."""
    if way not in NATIVE:
        pytest.skip("of the native ways only")
    return way


@pytest.fixture
def connect(way: str) -> Iterator[Callable[..., sqlite3.Connection]]:
    """Open connections as Django does; they are closed at the end."""
    _borrow.bind(sqlite3, way)
    opened = []

    def connect(path: Any = ":memory:", **options: Any) -> sqlite3.Connection:
        opened.append(sqlite3.connect(path, isolation_level=None, **options))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def borrow(way: str) -> Callable[[sqlite3.Connection], EventLog]:
    """Return the installed log of a connection, borrowed in the way under test."""

    def borrow(connection: sqlite3.Connection) -> EventLog:
        database = _borrow.borrow(connection, sqlite3, way)
        assert database.way == way
        _core.Log(database).install()
        return EventLog.on(database)

    return borrow


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to put first on another interpreter's path: eventfold as it is installed here."""
    folder = tmp_path_factory.mktemp("path")
    (folder / "eventfold").mkdir()
    for file in [*Path(eventfold.__file__).parent.iterdir(), Path(_core.__file__)]:
        if not (folder / "eventfold" / file.name).exists():
            (folder / "eventfold" / file.name).symlink_to(file)
    return folder


@pytest.fixture
def run(package: Path) -> Callable[..., str]:
    """Run a script in a new process and return what it prints; fail where it fails or hangs."""

    def run(script: str, *arguments: str, python: str = sys.executable, **environment: str) -> str:
        path = os.pathsep.join([str(package), *(entry for entry in sys.path if "site-packages" in entry)])
        done = subprocess.run(
            [python, "-c", script, *arguments],
            env={**os.environ, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
