"""Which names the server answers to: those of the machine, and the one that people and services type."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import processes

ASK = "from django.conf import settings; print(*settings.ALLOWED_HOSTS)"


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("https://Tasks.example.org", "tasks.example.org"),
        ("https://tasks.example.org:8443/", "tasks.example.org"),
        ("https://[2001:db8::7]", "[2001:db8::7]"),
    ],
)
def test_the_name_that_people_type_needs_no_other_setting(base: str, name: str, tmp_path: Path) -> None:
    environment = processes.environment(tmp_path, NEXTMOVE_BASE_URL=base, DJANGO_SETTINGS_MODULE="config.settings")
    said = subprocess.run(
        [sys.executable, "-c", ASK], cwd=processes.ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert name in said
    assert {"localhost", "127.0.0.1"} <= set(said)
    assert "*" not in said
