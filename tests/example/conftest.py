"""Both libraries, driven by Django's test client: a test runs on the event-sourced one and on the traditional one."""

import os

import pytest

# Only under the example's own settings; tests/django/test_example.py starts that run from the others.
collect_ignore_glob = [] if os.environ.get("DJANGO_SETTINGS_MODULE") == "config.settings" else ["*.py"]


@pytest.fixture(params=["library", "traditional"])
def way(request):
    return request.param


@pytest.fixture
def shelves(way):
    """What the library has, seen past its pages."""
    from shelves import Shelves  # needs the settings

    return Shelves(way)


@pytest.fixture
def visitor(way, db):
    """Somebody with a browser and no account."""
    return _visitor(way)


@pytest.fixture
def ann(way, db):
    return _visitor(way, "ann")


@pytest.fixture
def bob(way, db):
    return _visitor(way, "bob")


def _visitor(*args):
    from shelves import Visitor

    return Visitor(*args)
