"""Compiles and runs the C program in c/append_peer.c."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import eventfold
from eventfold import NewEvent, _core

_SOURCE = Path(__file__).parent / "c" / "append_peer.c"
_SQL = Path(eventfold.__file__).parent / "sql" / "sqlite"


class CPeer:
    """The appender in C. `build` raises RuntimeError with what is missing."""

    def __init__(self, program: Path) -> None:
        self._program = program

    @classmethod
    def build(cls, folder: Path) -> "CPeer":
        compiler = shutil.which("cc")
        if compiler is None:
            raise RuntimeError("the C peer needs a C compiler: cc")
        program = folder / "append_peer"
        flags = ["-O2", "-std=c11", "-D_POSIX_C_SOURCE=200809L"]
        built = subprocess.run([compiler, *flags, str(_SOURCE), "-lsqlite3", "-o", str(program)], capture_output=True)
        if built.returncode != 0:
            raise RuntimeError(f"the C peer does not build (it needs SQLite's headers):\n{built.stderr.decode()}")
        return cls(program)

    def append(self, database: Path, events: Path, rows: int) -> float:
        """Append the events of a file in one transaction, `rows` an INSERT; return the seconds it took."""
        command = [str(self._program), str(database), str(_SQL), str(events), str(rows)]
        return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) / 1e9


def write_events(path: Path, events: Iterable[NewEvent]) -> None:
    """Write events as the C program wants them: their strings made beforehand."""
    batch = _core.encode_events(list(events))
    streams = [event.stream or "" for event in events]
    path.write_text("".join(f"{stream}\t{batch.data(index)}\n" for index, stream in enumerate(streams)))
