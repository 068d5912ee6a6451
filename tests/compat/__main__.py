"""`python -m tests.compat [module …]`: compare Django's suite, plain and tracked; all modules if none is named."""

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import django

from tests.compat.compare import differences, problems
from tests.compat.known_differences import KNOWN
from tests.compat.modules import MODULES
from tests.compat.run import TRACKED, SuiteFailed, run_plain, run_tracked
from tests.compat.source import NoSuite, suite_directory

COLUMNS = ("tests", "tables", "events", "followed", *(f"differ {settings}" for settings in TRACKED), "wrong")


def main(modules: Sequence[str]) -> int:
    started = time.monotonic()
    try:
        suite_directory()
    except NoSuite as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Django {django.__version__}")
    print(line("module", COLUMNS))
    totals, wrong = [0] * (len(COLUMNS) - 1), []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each run is a process of its own
        for module, (numbers, found) in zip(modules, pool.map(compare, modules), strict=True):
            print(line(module, [*numbers, len(found)]), flush=True)
            totals = [total + number for total, number in zip(totals, numbers, strict=True)]
            wrong += found
    print(line(f"{len(modules)} modules, {time.monotonic() - started:.0f} s", [*totals, len(wrong)]))
    for text in wrong:
        print(f"\n{text}")
    if len(modules) == len(MODULES) and not totals[COLUMNS.index("followed")]:
        print("\nnothing followed from any change: suite/ledger is not at work")
        return 1
    return 1 if wrong else 0


def compare(module: str) -> tuple[list[int], list[str]]:
    """Return the numbers of a module's line, and what is wrong with it."""
    try:
        plain = run_plain(module)
        reports = [run_tracked(module, settings) for settings in TRACKED]
    except SuiteFailed as error:
        return [0] * (len(COLUMNS) - 1), [str(error)]
    wrong = [
        f"{settings}: {problem}"
        for settings, report in zip(TRACKED, reports, strict=True)
        for problem in problems(module, plain, report, KNOWN[settings])
    ]
    first, last = reports[0], reports[-1]
    differing = [len(differences(plain, report)) for report in reports]
    return [len(plain.outcomes), first.tables, first.events, last.followed, *differing], wrong


def line(name: str, cells: Sequence[object]) -> str:
    widths = (max(len(column), 9) for column in COLUMNS)
    return f"{name:<32}" + "".join(f"{cell!s:>{width + 2}}" for cell, width in zip(cells, widths, strict=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or MODULES))
