"""What differs between a module's tests with plain Django and with every model tracked."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.compat.known_differences import UNSTABLE
from tests.compat.run import Report

ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    """A test that came out otherwise."""

    test: str
    plain: str
    tracked: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.test}: {self.plain} in plain Django, {self.tracked} when tracked"


def differences(plain: Report, tracked: Report) -> list[Difference]:
    """Return the tests whose outcome differs, in the order of their ids."""
    return [
        Difference(test, before, after, tracked.details.get(test, ""))
        for test in sorted((plain.outcomes | tracked.outcomes).keys() - UNSTABLE.keys())
        if (before := plain.outcomes.get(test, ABSENT)) != (after := tracked.outcomes.get(test, ABSENT))
    ]


def problems(module: str, plain: Report, tracked: Report, known: Mapping[str, str]) -> list[str]:
    """Return what is wrong with a module: differences that are not known, and known ones that are none any more."""
    found = differences(plain, tracked)
    wrong = [f"{difference}\n{difference.detail}" for difference in found if difference.test not in known]
    differing = {difference.test for difference in found}
    wrong += [
        f"{test}: known_differences.py lists it, and it no longer differs"
        for test in known
        if test.partition(".")[0] == module and test not in differing
    ]
    wrong += [f"{table}: its triggers were lost" for table in tracked.lost]
    wrong += [f"{model}, after the tests" for model in tracked.untracked]
    if not tracked.tables:
        wrong.append(f"{module}: no table was tracked")
    if not tracked.events:
        wrong.append(f"{module}: no event was recorded")
    return wrong
