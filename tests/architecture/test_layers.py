"""Data flows one way through the layers, and so do includes and imports."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CPP = ROOT / "cpp"
PACKAGE = ROOT / "python" / "eventfold"

# Folder of cpp/src: those it may use, besides itself and include/eventfold.
USES = {
    "base": set(),
    "log": {"base"},
    "append": {"log", "base"},
    "scan": {"log", "base"},
    "columns": {"base"},
    "segment": {"columns", "log", "base"},
    "fold": {"columns", "base"},
    "read_model": {"segment", "scan", "fold", "columns", "log", "base"},
}
# What a fold reads is a batch of columns, wherever it came from.
UNKNOWN_TO_FOLD = {"connection.hpp", "managed_connection.hpp", "event_log.hpp", "query.hpp", "borrow.hpp"}


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".hpp", ".cpp"))


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def own_includes(path: Path) -> Iterator[tuple[str, str]]:
    """The includes of the project's own headers, each as (folder, rest)."""
    for include in includes(path):
        folder, slash, rest = include.partition("/")
        if slash and (folder == "eventfold" or (CPP / "src" / folder).is_dir()):
            yield folder, rest


def imports(path: Path) -> set[str]:
    """Every module that a Python file imports, within functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def test_every_layer_is_known():
    assert {path.name for path in (CPP / "src").iterdir() if path.is_dir()} <= set(USES)


@pytest.mark.parametrize("layer", USES)
def test_a_layer_includes_only_those_below_it(layer):
    allowed = USES[layer] | {layer, "eventfold"}
    wrong = [
        f"{path.relative_to(ROOT)} includes {folder}/{rest}"
        for path in sources(CPP / "src" / layer)
        for folder, rest in own_includes(path)
        if folder not in allowed
    ]
    assert not wrong


def test_beside_the_layers_there_is_only_the_front_door():
    assert [path.name for path in (CPP / "src").iterdir() if path.suffix in (".hpp", ".cpp")] == ["event_log.cpp"]


def test_the_fold_knows_no_database():
    """Not even by the headers that its headers include."""
    seen = {}
    pending = [(path, str(path.relative_to(ROOT))) for path in sources(CPP / "src" / "fold")]
    while pending:
        path, way = pending.pop()
        for folder, rest in own_includes(path):
            header = CPP / ("include/eventfold" if folder == "eventfold" else f"src/{folder}") / rest
            if header not in seen:
                seen[header] = f"{way} > {rest}"
                pending.append((header, seen[header]))
    assert not [way for header, way in seen.items() if header.name in UNKNOWN_TO_FOLD]


def test_public_headers_include_only_public_headers():
    wrong = [
        f"{path.relative_to(ROOT)} includes {folder}/{rest}"
        for path in sources(CPP / "include")
        for folder, rest in own_includes(path)
        if folder != "eventfold" or not (CPP / "include" / "eventfold" / rest).is_file()
    ]
    assert not wrong


def test_bindings_include_only_the_public_headers_and_their_own():
    wrong = []
    for path in sources(CPP / "bindings"):
        wrong += [
            f"{path.name} includes {folder}/{rest}" for folder, rest in own_includes(path) if folder != "eventfold"
        ]
        wrong += [f"{path.name} includes {include}" for include in includes(path) if ".." in include]
    assert not wrong


def test_the_core_knows_neither_python_nor_django():
    wrong = [
        f"{path.relative_to(ROOT)} includes {include}"
        for folder in ("include", "src")
        for path in sources(CPP / folder)
        for include in includes(path)
        if include.startswith(("pybind11/", "Python.h"))
    ]
    assert not wrong


def test_eventfold_imports_django_only_in_eventfold_django():
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if PACKAGE / "django" not in path.parents
        for module in imports(path)
        if within(module, "django") or within(module, "eventfold.django")
    ]
    assert not wrong
