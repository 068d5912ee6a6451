"""Runs the examples of a page of Markdown, in the order in which a reader meets them.

A fenced block is an example by its language:

```python   the file that its first line names, as in `# books/events.py`; else code, run where the project is
```pycon    a session in `manage.py shell`: what Python answers must be what the page says, `...` stands for anything
```console  commands after `$ `, and what they print (nothing below a command: anything); `$ false  # fails` must fail
```diff     a change of the file that its `+++ ` line names
```sql      statements, run in a log of their own
```cpp      compiled and run, within main() if it has none, against the library of the release build

`text` is no example. A block that cannot be run has a comment before it: `<!-- not run: why -->`.
"""

import copy
import json
import re
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.stranger import INSTALL, ROOT, Shell

LANGUAGES = ("python", "pycon", "console", "diff", "sql", "cpp", "text")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)$")
_FILE = re.compile(r"^# (?P<path>[\w./-]+\.\w+)$")
_NOT_RUN = re.compile(r"^ *<!-- not run: (?P<reason>.+) -->$")


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its first line of text."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that a block of Python is the content of."""
        match = _FILE.match(self.text.split("\n", 1)[0])
        return match["path"] if match and self.language == "python" else None


class ExampleFailed(AssertionError):
    """An example does not do what its page says."""


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found = []
    lines = iter(enumerate(page.read_text().splitlines(), start=1))
    not_run = None
    for number, line in lines:
        if match := _FENCE.match(line):
            indent = len(match["indent"])
            text = []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                text.append(inner[indent:])
            else:
                raise ExampleFailed(f"{page.name}:{number}: the block has no end")
            found.append(Block(page.name, number + 1, match["language"], "\n".join(text) + "\n", not_run))
        match = _NOT_RUN.match(line)
        if match or line.strip():
            not_run = match["reason"] if match else None
    return found


def run_page(page: Path, shell: Shell) -> None:
    """Run the examples of a page in the shell's directory."""
    shell = copy.copy(shell)
    examples = [block for block in blocks(page) if block.language != "text" and block.not_run is None]
    for block in examples:
        if _kind(block) in ("sql", "cpp"):  # these have nothing to do with what goes on around them
            _RUN[_kind(block)](block, shell)
    for kind, group in groupby((block for block in examples if _kind(block) not in ("sql", "cpp")), key=_kind):
        if kind == "session":
            _run_session(list(group), shell)
        else:
            for block in group:
                _RUN[kind](block, shell)


def commands(block: Block) -> Iterator[tuple[int, str, str]]:
    """The commands of a block of console: the line, the command, and what it should print."""
    for part in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE):
        if not part:
            continue
        if not part.startswith("$ "):
            raise ExampleFailed(f"{block.place}: a block of console begins with a command, after `$ `")
        lines = part.splitlines()
        size = 1
        while lines[size - 1].endswith("\\"):
            size += 1
        line = block.line + block.text[: block.text.index(part)].count("\n")
        yield line, "\n".join(lines[:size])[2:], "\n".join(lines[size:]).strip("\n")


def _kind(block: Block) -> str:
    if block.file is not None:
        return "file"
    return "session" if block.language in ("python", "pycon") else block.language


def _write_file(block: Block, shell: Shell) -> None:
    assert block.file is not None
    path = shell.directory / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def _apply_diff(block: Block, shell: Shell) -> None:
    lines = block.text.splitlines()
    (name,) = [line[4:] for line in lines if line.startswith("+++ ")]
    lines = [line for line in lines if not line.startswith(("+++ ", "--- "))]
    old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    path = shell.directory / name
    text = path.read_text()
    if text.count(old) != 1:
        raise ExampleFailed(f"{block.place}: {name} has this {text.count(old)} times:\n{old}in\n{text}")
    path.write_text(text.replace(old, new))


def _run_console(block: Block, shell: Shell) -> None:
    for line, command, expected in commands(block):
        if command in INSTALL:
            continue  # tests/stranger.py has run them in this directory
        command, _, comment = command.partition("  # ")
        code, output = shell.run(command)
        if (code != 0) != (comment == "fails"):
            raise ExampleFailed(f"{block.page}:{line}: exit code {code}\n$ {command}\n{output}")
        if expected and not _matches(expected, output):
            raise ExampleFailed(f"{block.page}:{line}: $ {command}\nprints\n{output}\nnot\n{expected}")


def _matches(expected: str, output: str) -> bool:
    """Whether the output is as expected, but for the width of white space and `...`."""

    def words(text: str) -> str:
        return re.sub(r"\s+", " ", text).strip()

    pattern = ".*".join(re.escape(part) for part in words(expected).split("..."))
    return re.fullmatch(pattern, words(output), re.DOTALL) is not None


def _run_session(session: list[Block], shell: Shell) -> None:
    told = json.dumps([[block.place, block.language, block.text] for block in session])
    done = subprocess.run(
        ["python", str(Path(__file__).with_name("session.py"))],
        cwd=shell.directory,
        env=shell.environment,
        input=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode != 0:
        raise ExampleFailed(f"{session[0].place}: the session that begins here failed\n{done.stdout}")


def _run_sql(block: Block, shell: Shell) -> None:
    schema = (ROOT / "python/eventfold/sql/sqlite/schema.sql").read_text()
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(schema)
        connection.executescript(block.text)
    except sqlite3.Error as error:
        raise ExampleFailed(f"{block.place}: {error}") from error
    finally:
        connection.close()


def _run_cpp(block: Block, shell: Shell) -> None:
    library = ROOT / "build" / "release" / "libeventfold.a"
    if not library.exists():
        raise ExampleFailed(f"{block.place}: needs `make build-cpp` first")
    text = block.text
    if "int main(" not in text:
        includes = "".join(re.findall(r"^#include.*\n", text, re.MULTILINE))
        body = textwrap.indent(re.sub(r"^#include.*\n", "", text, flags=re.MULTILINE), "  ")
        text = f"#include <eventfold/event_log.hpp>\n{includes}int main() {{\n{body}}}\n"
    source = shell.directory / "example.cpp"
    source.write_text(text)
    compiler = ["g++", "-std=c++20", "-Wall", f"-I{ROOT}/cpp/include", "-o", "example", str(source)]
    for command in ([*compiler, str(library), "-lsimdjson", "-lsqlite3", "-lpthread"], ["./example"]):
        done = subprocess.run(command, cwd=shell.directory, capture_output=True, text=True)
        if done.returncode != 0:
            raise ExampleFailed(f"{block.place}: {done.stdout}{done.stderr}")


_RUN = {
    "file": _write_file,
    "diff": _apply_diff,
    "console": _run_console,
    "sql": _run_sql,
    "cpp": _run_cpp,
}


if __name__ == "__main__":  # python -m tests.docs.runner docs/quickstart.md DIRECTORY
    run_page(Path(sys.argv[1]), Shell(Path(sys.argv[2])))
