"""The project as a whole."""

import pytest
from django.core.management import call_command


def test_the_system_checks_find_nothing(capsys):
    call_command("check", fail_level="WARNING")


@pytest.mark.django_db
def test_the_migrations_are_up_to_date():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_no_replay_is_due_after_migrate():
    call_command("check", databases=["default"], fail_level="WARNING")
