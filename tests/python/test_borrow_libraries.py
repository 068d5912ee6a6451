"""One SQLite in a process: the first that is bound stays, others go through their cursors."""

from collections.abc import Callable

import pytest

pytest.importorskip("pysqlite3")

PREPARE = """
import importlib, sqlite3, sys
import pysqlite3.dbapi2 as pysqlite3
from eventfold import DatabaseError, EventLog, _borrow, _core

opened = []

def log_of(module, way=None):
    opened.append(module.connect(":memory:", isolation_level=None))
    database = _borrow.borrow(opened[-1], module, way)
    _core.Log(database).install()
    log = EventLog.on(database)
    assert log.append("Added", {"book": 1}) == range(1, 2)
    assert next(log.read()).data == {"book": 1}
    return database
"""


@pytest.mark.parametrize(("first", "second"), [("sqlite3", "pysqlite3"), ("pysqlite3", "sqlite3")])
def test_the_second_library_is_served_by_its_cursors_and_disturbs_nothing(
    first: str, second: str, run: Callable[..., str]
) -> None:
    script = f"""
assert _borrow.bind({first}) == {first}.sqlite_version
one = log_of({first})
assert one.way != "dbapi" and one.version == {first}.sqlite_version
two = log_of({second})
assert two.way == "dbapi" and two.version == {second}.sqlite_version
assert "uses another SQLite already" in two.reason
{second}.connect(":memory:").close()
EventLog.on(one).append("Added", {{"book": 2}})
print(EventLog.on(one).head(), _core.sqlite_library() == {first}.sqlite_version)
"""
    assert run(PREPARE + script) == "2 True"


@pytest.mark.parametrize("way", ["load_extension", "auto_extension", "dbapi"])
def test_every_way_works_with_pysqlite3(way: str, run: Callable[..., str]) -> None:
    script = f"""
_borrow.bind(pysqlite3, {way!r})
database = log_of(pysqlite3, {way!r})
assert database.version == pysqlite3.sqlite_version
print(database.way)
"""
    assert run(PREPARE + script) == way


def test_a_way_that_is_forced_on_the_second_library_is_refused(run: Callable[..., str]) -> None:
    script = """
_borrow.bind(sqlite3)
for way in "load_extension", "auto_extension":
    try:
        log_of(pysqlite3, way)
    except DatabaseError as error:
        print("uses another SQLite already" in str(error))
"""
    assert run(PREPARE + script) == "True\nTrue"


def test_a_log_of_our_own_uses_the_library_that_is_bound(run: Callable[..., str]) -> None:
    script = """
_borrow.bind(pysqlite3)
with EventLog(":memory:") as log:
    log.append("Added", {"book": 1})
    print(log._database.version == pysqlite3.sqlite_version)
"""
    assert run(PREPARE + script) == "True"


def test_a_connection_that_was_loaded_and_loads_again_stays_the_same(run: Callable[..., str]) -> None:
    script = """
raw = pysqlite3.connect(":memory:", isolation_level=None)
database = _borrow.borrow(raw, pysqlite3, "load_extension")
raw.enable_load_extension(True)
raw.load_extension(_core.__file__)
assert not database.closed
assert _borrow.borrow(raw, pysqlite3) is database
raw.execute("SELECT load_extension(?)", (_core.__file__,))  # still on: the app had switched it on
print(database.way)
"""
    assert run(PREPARE + script) == "load_extension"
