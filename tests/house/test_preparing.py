"""What a first start makes, and a second one leaves alone."""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from config import preparing
from people.models import Team, User
from tests import migrated, processes
from tests.builders import make_team, make_user


@pytest.fixture(autouse=True)
def _no_demo(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings.ENV, "demo", False)


@pytest.mark.django_db
def test_the_first_superuser_manages_the_default_team():
    make_user(team=make_team())
    notes, password = preparing.fill_empty()
    admin = User.objects.get(username="admin")
    assert notes == []
    assert admin.check_password(password)
    assert admin.is_superuser
    assert admin.is_staff
    assert (admin.team, admin.role) == (Team.objects.default(), User.MANAGER)
    assert preparing.fill_empty() == ([], ""), "made once"


@pytest.mark.django_db
def test_a_chosen_password_is_used_and_not_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings.ENV, "admin_password", "chosen by me")
    assert preparing.fill_empty() == ([], "")
    admin = User.objects.get(username="admin")
    assert admin.check_password("chosen by me")
    assert admin.team == Team.objects.default()


@pytest.mark.django_db
def test_a_migrated_database_is_left_alone():
    assert preparing.migrate() == []


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "made before"])
def test_the_database_is_its_owners_alone_to_read(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "nextmove.sqlite3"
    if is_there:
        path.touch(mode=0o644)
    monkeypatch.setitem(connection.settings_dict, "NAME", path)
    monkeypatch.setattr(connection, "vendor", "sqlite")
    preparing._keep_to_owner()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.long
def test_migrate_automation_builds_everything_on_an_empty_database(tmp_path: Path):
    """In processes of their own, as it is typed. The first one made the database of which every test has a copy."""
    migrated.sqlite(tmp_path / "nextmove.sqlite3")
    below = {"people_user", "jobs_job", "django_session", "axes_accessattempt"}
    assert below | {"automation_taskautomationrule"} <= tables(tmp_path)
    command = [sys.executable, str(processes.ROOT / "manage.py"), "migrate", "automation", "zero", "--verbosity=0"]
    subprocess.run(command, env=processes.environment(tmp_path), cwd=tmp_path, check=True)
    assert "automation_taskautomationrule" not in tables(tmp_path), "with a name it is Django's own"
    assert "people_user" in tables(tmp_path)


def tables(data_dir: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(data_dir / "nextmove.sqlite3")) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
