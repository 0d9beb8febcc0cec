"""The `nextmove mcp` command: what it needs before it serves. A whole conversation is in tests/flows/test_loop.py."""

import pytest
from typer.testing import CliRunner

from agents import extra
from config import cli
from tests import builders


def refusal() -> str:
    result = CliRunner().invoke(cli.app, ["mcp"])
    assert result.exit_code == 2, result.output
    return result.output


def test_the_token_comes_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEXTMOVE_TOKEN", raising=False)
    assert "NEXTMOVE_TOKEN is not set" in refusal()
    assert "token" not in CliRunner().invoke(cli.app, ["mcp", "--token", "nm_x"]).stdout.lower()


@pytest.mark.django_db
def test_a_token_that_does_not_count_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTMOVE_TOKEN", "nm_made_up")
    assert "Make a new one" in refusal()
    monkeypatch.setenv("NEXTMOVE_TOKEN", builders.make_token(builders.make_user(is_active=False)))
    assert "Make a new one" in refusal()


def test_without_the_library_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    assert "pip install nextmove[mcp]" in refusal()
