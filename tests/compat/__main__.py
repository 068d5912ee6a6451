"""`python -m tests.compat [module …]`: compare Django's suite, plain and tracked; all modules if none is named."""

import sys

import django

from tests.compat.compare import differences, problems
from tests.compat.known_differences import KNOWN
from tests.compat.modules import MODULES
from tests.compat.run import SuiteFailed, run_plain, run_tracked
from tests.compat.source import NoSuite

LINE = "{:<34} {:>6} {:>8} {:>7} {:>9} {:>11} {:>7}"


def main(modules: list[str]) -> int:
    print(f"Django {django.__version__}")
    print(LINE.format("module", "tests", "tracked", "tables", "events", "differences", "wrong"))
    totals, wrong = [0] * 5, []
    for module in modules or MODULES:
        try:
            plain, tracked = run_plain(module), run_tracked(module)
        except NoSuite as error:
            print(error, file=sys.stderr)
            return 1
        except SuiteFailed as error:
            wrong.append(str(error))
            print(f"{module:<34} ended without a report", flush=True)
            continue
        found = problems(module, plain, tracked, KNOWN)
        row = [
            len(plain.outcomes),
            len(tracked.outcomes),
            tracked.tables,
            tracked.events,
            len(differences(plain, tracked)),
        ]
        print(LINE.format(module, *row, len(found)), flush=True)
        totals = [total + number for total, number in zip(totals, row, strict=True)]
        wrong += found
    print(LINE.format("", *totals, len(wrong)))
    for text in wrong:
        print(f"\n{text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
