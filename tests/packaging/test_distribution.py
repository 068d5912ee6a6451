"""What a user gets: an sdist that installs, an extension that links no SQLite, types that a checker sees."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest

import eventfold
from tests import stranger

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shell():
    return copy.copy(stranger.installed())


def run(shell: stranger.Shell, command: str) -> str:
    code, output = shell.run(command)
    assert code == 0, f"$ {command}\n{output}"
    return output.strip()


def package_folder(shell: stranger.Shell) -> Path:
    return Path(run(shell, 'python -c "import eventfold; print(eventfold.__file__)"')).parent


def links_sqlite(extension: Path) -> bool:
    linked = subprocess.run(["ldd", str(extension)], capture_output=True, text=True, check=True).stdout
    wanted = subprocess.run(
        ["nm", "-D", "--undefined-only", str(extension)], capture_output=True, text=True, check=True
    )
    return "sqlite" in linked or " sqlite3_" in wanted.stdout


@pytest.mark.slow
def test_a_source_distribution_installs_in_an_empty_environment(shell):
    folder = package_folder(shell)
    assert stranger.directory() in folder.parents  # not the one that runs the tests
    program = (
        "from eventfold import EventLog, Count\n"
        "with EventLog(':memory:') as log:\n"
        "    log.append('Borrowed', {'book': 7})\n"
        "    print(dict(log.fold('book', {'n': Count('Borrowed')})))"
    )
    assert run(shell, f'python -c "{program}"') == "{7: (1,)}"


@pytest.mark.slow
def test_an_installed_package_brings_its_types_its_sql_and_nothing_else(shell):
    folder = package_folder(shell)
    for name in ("py.typed", "_core.pyi", "sql/sqlite/schema.sql", "django/migrations/0001_initial.py"):
        assert (folder / name).is_file(), name
    brought = run(shell, "python -m pip show --files eventfold").split("Files:")[1].split()
    assert {name.split("/")[0].partition("-")[0] for name in brought} == {"eventfold"}
    assert any(name.endswith("licenses/LICENSE") for name in brought)


@pytest.mark.slow
def test_a_type_checker_sees_the_types_of_an_installed_package(shell, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import eventfold\n\nwith eventfold.EventLog('a.db') as log:\n    reveal_type(log.head())\n")
    python = package_folder(shell).parents[3] / "bin" / "python"
    checker = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--python-executable={python}"]
    done = subprocess.run([*checker, str(program)], cwd=tmp_path, capture_output=True, text=True)
    assert re.search(r'Revealed type is "(builtins\.)?int"', done.stdout), done.stdout
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_extension_of_an_installed_package_links_no_sqlite(shell):
    (extension,) = package_folder(shell).glob("_core*.so")
    assert not links_sqlite(extension)


def test_a_link_to_sqlite_would_be_seen(tmp_path):
    source = tmp_path / "linked.c"
    source.write_text(
        "int sqlite3_libversion_number(void);\nint number(void) { return sqlite3_libversion_number(); }\n"
    )
    library = tmp_path / "linked.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    assert links_sqlite(library)


def test_the_stub_of_the_extension_is_up_to_date():
    done = subprocess.run([sys.executable, "scripts/stubs.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_versions_agree():
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert eventfold.__version__ == version
    assert f"project(eventfold VERSION {version} " in (ROOT / "CMakeLists.txt").read_text()
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
