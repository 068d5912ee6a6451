"""Only under the settings config.adopted; tests/django/test_example.py starts that run from the others."""

import os

collect_ignore_glob = [] if os.environ.get("DJANGO_SETTINGS_MODULE") == "config.adopted" else ["*.py"]
