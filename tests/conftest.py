"""What all tests share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than ten seconds; leave out with -m 'not slow'")
    config.addinivalue_line(
        "markers",
        "any_way: about migrations, other programs' tables or test runners, whatever the way to SQLite; the pass that "
        "forces the DB-API leaves it out",
    )
