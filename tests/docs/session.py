"""Runs blocks of Python, given as JSON on standard input, one after the other in one namespace.

Where there is a manage.py its project is set up first, as `manage.py shell` does. Run by runner.py in the environment
of the page, so it imports nothing of the tests.
"""

import doctest
import json
import os
import re
import sys
import traceback
from pathlib import Path


def set_up_project() -> None:
    sys.path.insert(0, str(Path.cwd()))
    manage = Path("manage.py")
    if manage.exists():
        settings = re.search(r"'DJANGO_SETTINGS_MODULE', '([\w.]+)'", manage.read_text())
        assert settings, "manage.py names no settings"
        os.environ["DJANGO_SETTINGS_MODULE"] = settings[1]
        import django

        django.setup()


def main() -> int:
    blocks = json.load(sys.stdin)
    set_up_project()
    names = {"__name__": "__main__"}
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for place, language, text in blocks:
        page, _, line = place.partition(":")
        if language == "python":
            try:
                exec(compile("\n" * (int(line) - 1) + text, page, "exec"), names)
            except Exception:
                print(f"{place}: the code failed")
                traceback.print_exc()
                return 1
            continue
        example = doctest.DocTestParser().get_doctest(text, names, place, page, int(line) - 1)
        example.globs = names  # the parser made a copy
        runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
        if runner.run(example, out=sys.stdout.write, clear_globs=False).failed:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
