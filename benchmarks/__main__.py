"""`python -m benchmarks`: every work, one table, one picture.

Each work runs in a process of its own, so that none pays for what another has left in memory.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import machine, report

TRACKING = ("track", "track_translate", "track_log", "past", "bootstrap")
PEERS = ("peers.simple_history", "peers.auditlog", "peers.reversion", "peers.easyaudit")
WORKS = (
    "append",
    "index",
    "create",
    "bulk",
    "inline",
    *TRACKING,
    *PEERS,
    "fold",
    "sealed",
    "keys",
    "replay",
    "many",
    "handlers",
    "follow",
    "memory",
    "growth",
)
HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", choices=WORKS, help=f"One of {', '.join(WORKS)}.")
    parser.add_argument("--quick", action="store_true", help="Small sizes: shows that it works, not how fast it is.")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FOLDER",
        help="Where to write the results. A whole run writes them to benchmarks/results.",
    )
    options = parser.parse_args()

    works = options.only or WORKS
    found: dict[str, Any] = {"machine": machine.describe(), "works": {}}
    started = time.monotonic()
    for work in works:
        print(f"{work} ...", file=sys.stderr, flush=True)
        found["works"][work] = run_work(work, options.quick)
    found["seconds"] = round(time.monotonic() - started)
    print(report.table(report.rows_of(found)))
    print(report.conditions(found))

    whole = not options.only and not options.quick
    if options.save:
        report.save(options.save, found)
    elif whole:
        report.save(HERE / "results", found)
        report.update(HERE / "README.md", found)
    return 0


def run_work(work: str, quick: bool) -> dict[str, Any]:
    """Run one work in a process of its own; return its rows, and how busy the machine was before and after."""
    before = machine.load()
    command = [sys.executable, "-m", "benchmarks.work", work, *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return {"load": [round(before, 2), round(machine.load(), 2)], "rows": rows}


if __name__ == "__main__":
    sys.exit(main())
