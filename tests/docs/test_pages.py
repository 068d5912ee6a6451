"""Every example of README.md and docs/ does what the page says."""

import inspect
import re
from pathlib import Path

import pytest

import eventfold.errors
from tests.docs.conftest import QUICKSTART, quickstart
from tests.docs.runner import LANGUAGES, blocks, run_page
from tests.stranger import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = [
    *PAGES,
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "cpp/src/README.md",
]
# Pages whose examples need no project.
ALONE = ("log.md", "errors.md", "sealing.md")


def name_of(page: Path) -> str:
    return page.name


@pytest.mark.slow
def test_a_stranger_gets_through_the_quickstart():
    quickstart()


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page != QUICKSTART], ids=name_of)
def test_the_examples_of_a_page_work(page, request):
    run_page(page, request.getfixturevalue("here" if page.name in ALONE else "project"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is(page):
    wrong = [
        f"{block.place}: {block.language or 'no language'}" for block in blocks(page) if block.language not in LANGUAGES
    ]
    assert not wrong


def test_only_commands_of_make_are_not_run():
    for page in PAGES:
        for block in blocks(page):
            if block.not_run is not None:
                assert re.fullmatch(r"(\$ make .*\n)+", block.text), f"{block.place}: {block.not_run}"


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_every_link_leads_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text()):
        path = (page.parent / target) if target else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name}: {target}#{anchor}"


def test_every_error_is_explained():
    text = (ROOT / "docs" / "errors.md").read_text()
    for name, error in inspect.getmembers(eventfold.errors, inspect.isclass):
        assert f"## {name}\n\n{inspect.getdoc(error)}" in text, name


def test_every_system_check_is_explained():
    text = (ROOT / "docs" / "errors.md").read_text()
    sources = "".join(path.read_text() for path in (ROOT / "python/eventfold/django").rglob("*.py"))
    ids = set(re.findall(r'"(?:eventfold\.)?([EW]\d{3})"', sources))
    assert ids and not [check for check in sorted(ids) if f"`eventfold.{check}`" not in text]
