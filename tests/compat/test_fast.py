"""The fast part of Django's own suite passes with every model tracked; `make compat` runs the rest.

It needs Django's source distribution, which pip downloads at the first run; where it cannot, the tests fail and say so.
"""

import pytest

from tests.compat.compare import ABSENT, differences, problems
from tests.compat.known_differences import KNOWN, UNSTABLE
from tests.compat.modules import FAST, MODULES
from tests.compat.run import TRACKED, Report, run_plain, run_tracked
from tests.compat.source import NoSuite


@pytest.mark.parametrize("settings", TRACKED)
@pytest.mark.parametrize("module", FAST)
def test_djangos_own_tests_come_out_as_without_eventfold(module, settings):
    try:
        plain, tracked = run_plain(module), run_tracked(module, settings)
    except NoSuite as error:
        pytest.fail(str(error), pytrace=False)
    assert not problems(module, plain, tracked, KNOWN[settings])
    assert "success" in plain.outcomes.values()


def test_what_follows_from_changes_does():
    assert run_tracked("test_client_regress", "followed").followed > 0
    assert run_tracked("test_client_regress", "tracked").followed == 0


def report(**more):
    return Report(**{"outcomes": {}, "details": {}, "seconds": 1, "tables": 1, "events": 1, **more})


def test_each_kind_of_difference_is_reported():
    plain = report(outcomes={"basic.A.same": "success", "basic.A.fails": "success", "basic.A.gone": "skip"})
    tracked = report(
        outcomes={"basic.A.same": "success", "basic.A.fails": "failure", "basic.A.new": "error"},
        details={"basic.A.fails": "because"},
    )
    found = differences(plain, tracked)
    assert [(difference.test, difference.plain, difference.tracked, difference.detail) for difference in found] == [
        ("basic.A.fails", "success", "failure", "because"),
        ("basic.A.gone", "skip", ABSENT, ""),
        ("basic.A.new", ABSENT, "error", ""),
    ]
    assert len(problems("basic", plain, tracked, {})) == 3
    assert len(problems("basic", plain, tracked, {"basic.A.fails": "reason"})) == 2


def test_a_known_difference_that_is_none_any_more_is_reported():
    same = report(outcomes={"basic.A.same": "success"})
    known = {"basic.A.same": "reason", "update.A.same": "of another module"}
    (text,) = problems("basic", same, same, known)
    assert text == "basic.A.same: known_differences.py lists it, and it no longer differs"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"lost": ["default: basic_article"]}, "default: basic_article: its triggers were lost"),
        ({"untracked": ["default: basic.Article has no triggers"]}, "default: basic.Article has no triggers"),
        ({"tables": 0}, "basic: no table was tracked"),
        ({"events": 0}, "basic: no event was recorded"),
    ],
)
def test_what_was_not_tracked_is_reported(more, text):
    (found,) = problems("basic", report(), report(**more), {})
    assert found.startswith(text)


def test_each_known_difference_is_of_a_module_that_is_run_and_has_a_reason():
    listed = {**KNOWN["followed"], **UNSTABLE}
    assert {test.partition(".")[0] for test in listed} <= set(MODULES)
    assert all(len(reason) > 20 for reason in listed.values())
    assert set(FAST) <= set(MODULES)
    assert list(MODULES) == sorted(set(MODULES))


def test_the_suite_of_an_unknown_django_says_how_to_get_it(monkeypatch, tmp_path):
    from tests.compat import source

    monkeypatch.setattr(source, "BUILD", tmp_path)
    monkeypatch.setattr(source.django, "__version__", "0.0.1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(NoSuite, match="pip could not download"):
        source.suite_directory()
