"""What `make run` says on a machine that lacks something, and when it has nothing to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from config import bootstrap


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project whose commands are only noted down."""
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/run.txt", "requirements/dev.txt", "requirements/solver.txt", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(bootstrap, "usable", lambda needs_pip: True)
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    noted: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "run", noted.append)
    return noted


def test_an_old_python_is_told_which_one_to_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    assert bootstrap.main("run") == 2
    assert "make run PYTHON=" in capsys.readouterr().err


def test_an_old_sqlite_is_refused_unless_postgres_is_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    with pytest.raises(bootstrap.Missing, match=r"SQLite 3\.35"):
        bootstrap.check_machine()
    monkeypatch.setenv("NEXTMOVE_DATABASE_URL", "postgres://localhost/x")
    bootstrap.check_machine()


def test_installing_is_done_once_for_each_lock(tree: Path, commands: list[list[str]]):
    bootstrap.install("run")
    assert any("--require-hashes" in command for command in commands)
    assert any("--no-build-isolation" in command for command in commands)
    commands.clear()
    bootstrap.install("run")
    assert commands == []
    (tree / "requirements" / "run.txt").write_text("another lock")
    bootstrap.install("run")
    assert commands


def test_the_development_lock_holds_the_other(tree: Path, commands: list[list[str]]):
    bootstrap.install("dev")
    commands.clear()
    bootstrap.install("run")
    assert commands == []


def test_a_machine_without_a_wheel_of_the_solver_is_told_and_goes_on(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def refuse(command: list[str]) -> None:
        if any("solver" in word for word in command):
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(bootstrap, "run", refuse)
    bootstrap.install("run")
    assert "assigns work without it" in capsys.readouterr().out
    assert (tree / ".venv" / "installed-run").exists()


def test_a_tree_that_was_moved_is_installed_anew(
    tree: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
):
    bootstrap.install("run")
    commands.clear()
    moved = tree.rename(tree.with_name("moved"))
    monkeypatch.setattr(bootstrap, "ROOT", moved)
    monkeypatch.setattr(bootstrap, "VENV", moved / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", moved / ".venv" / "bin" / "python")
    bootstrap.install("run")
    assert commands


def test_without_ensurepip_the_systems_pip_is_used(monkeypatch: pytest.MonkeyPatch):
    assert bootstrap.outer_pip()[:3] == [sys.executable, "-m", "pip"]
    monkeypatch.setattr(bootstrap, "OLDEST_PIP", (999, 0))
    with pytest.raises(bootstrap.Missing, match=r"pip 22\.3 or newer"):
        bootstrap.outer_pip()
