"""Processes that are killed: forked by one that has imported everything, so that a kill meets the work."""

import os
import signal
import subprocess
from textwrap import dedent

from tests.django.project import Project

# Forks a process for each name it is told, before Django has opened any connection; tells its number, and by what it
# ended.
_LOOP = """
import os, random, sys

for line in sys.stdin:
    name = line.strip()
    if name.isdecimal():
        print(os.waitstatus_to_exitcode(os.waitpid(int(name), 0)[1]), flush=True)
        continue
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        random.seed()
        try:
            globals()[name]()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
        os._exit(1)
    print(child, flush=True)
"""


class Starter:
    """Starts functions of some code in processes of a project."""

    def __init__(self, project: Project, functions: str) -> None:
        self._process: subprocess.Popen[str] = project.start(dedent(functions) + _LOOP)

    def _ask(self, line: object) -> int:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, name: str) -> int:
        """Call a function in a process of its own; return its number."""
        return self._ask(name)

    def wait(self, pid: int) -> int:
        """Return by what a process ended: 0, 1, or minus the number of a signal."""
        return self._ask(pid)

    def kill(self, pid: int) -> None:
        """Kill a process that goes on until it is killed."""
        assert self.kill_or_end(pid) == -signal.SIGKILL, "it had ended before, see above"

    def kill_or_end(self, pid: int) -> int:
        """Kill a process, unless it has ended; return by what it did."""
        os.kill(pid, signal.SIGKILL)  # nobody else has its number before it is waited for
        return self.wait(pid)

    def end(self) -> None:
        self._process.communicate(timeout=60)
