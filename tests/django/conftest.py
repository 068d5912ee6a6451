"""Fixtures of all Django tests."""

import pytest


@pytest.fixture(params=["default", "memory"])
def alias(request: pytest.FixtureRequest) -> str:
    """Each database alias in turn: a file, and one in memory. Needs `django_db(databases=["default", "memory"])`."""
    return request.param
