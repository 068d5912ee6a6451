"""One work in this process: prints its rows as JSON."""

import importlib
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Scale


def main(name: str, *flags: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    with tempfile.TemporaryDirectory(prefix="eventfold-bench-") as folder:
        rows = module.run(Path(folder), Scale(quick="--quick" in flags))
    json.dump([row.as_json() for row in rows], sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
