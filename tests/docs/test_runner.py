"""The runner of the documentation's examples: one that passes everything would prove nothing."""

from pathlib import Path

import pytest

from tests.docs.runner import ExampleFailed, blocks, run_page
from tests.stranger import Shell


@pytest.fixture
def run(tmp_path, here):
    def run(text: str) -> Path:
        page = tmp_path / "page.md"
        page.write_text(text)
        run_page(page, Shell(tmp_path, here.environment))
        return tmp_path

    return run


def test_a_block_knows_its_language_file_and_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Text\n\n```python\n# books/events.py\nx = 1\n```\n\n- item\n\n  ```pycon\n  >>> 1\n  1\n  ```\n")
    first, second = blocks(page)
    assert (first.language, first.file, first.line) == ("python", "books/events.py", 4)
    assert (second.language, second.text, second.line) == ("pycon", ">>> 1\n1\n", 11)


def test_a_comment_says_why_a_block_is_not_run(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: it never ends -->\n\n```console\n$ a\n```\n\nText\n\n```console\n$ b\n```\n")
    assert [block.not_run for block in blocks(page)] == ["it never ends", None]


def test_files_commands_and_sessions_share_a_directory(run):
    folder = run(
        "```python\n# pack/module.py\nVALUE = 3\n```\n"
        "```console\n$ cd pack\n$ cat module.py\n# pack/module.py\nVALUE = ...\n$ cd ..\n```\n"
        "```python\nfrom pack.module import VALUE\n```\n"
        "```pycon\n>>> VALUE + 1\n4\n```\n"
    )
    assert (folder / "pack" / "module.py").exists()


def test_a_diff_changes_a_file(run):
    folder = run(
        "```python\n# settings.py\nAPPS = [\n    'a',\n]\n```\n"
        "```diff\n--- settings.py\n+++ settings.py\n APPS = [\n-    'a',\n+    'b',\n+    'c',\n ]\n```\n"
    )
    assert (folder / "settings.py").read_text() == "# settings.py\nAPPS = [\n    'b',\n    'c',\n]\n"


@pytest.mark.parametrize(
    "page",
    [
        "```pycon\n>>> 1 + 1\n3\n```\n",
        "```pycon\n>>> 1 / 0\nTraceback (most recent call last):\n  ...\nZeroDivisionError: another message\n```\n",
        "```python\nassert 1 == 2\n```\n",
        "```console\n$ echo a\nb\n```\n",
        "```console\n$ false\n```\n",
        "```console\n$ true  # fails\n```\n",
        "```console\na line without a command\n```\n",
        "```diff\n--- a.py\n+++ a.py\n x\n+y\n```\n",
        "```sql\nSELECT nothing FROM eventfold_event;\n```\n",
        "```python\nno end\n",
    ],
)
def test_an_example_that_does_something_else_fails(run, page, tmp_path):
    (tmp_path / "a.py").write_text("z\n")
    with pytest.raises(ExampleFailed):
        run(page)
