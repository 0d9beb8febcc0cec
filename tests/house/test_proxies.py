"""Where a request comes from: a proxy's word counts when the operator trusts it, and nobody else's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import migrated, processes

GUESS = """
import json, sys
from config.wsgi import application

def ask(peer, said):
    found = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/api/me", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "wsgi.input": sys.stdin.buffer, "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http",
        "REMOTE_ADDR": peer, "HTTP_HOST": "localhost", "HTTP_AUTHORIZATION": "Bearer nm_guessed",
        "HTTP_X_FORWARDED_FOR": said,
    }
    list(application(environ, lambda status, headers: found.append(int(status[:3]))))
    return found[0]

guesser = [ask("10.0.0.5", "198.51.100.9, 203.0.113.1") for _ in range(40)]
print(json.dumps([guesser[0], guesser[-1], ask("10.0.0.5", "203.0.113.2"), ask("192.0.2.4", "203.0.113.1")]))
"""
"""A guesser behind the proxy, who also claims to be another; then somebody else behind it; then somebody past it."""


@pytest.mark.parametrize(
    ("trusted", "answers"), [("", [401, 429, 429, 401]), ("10.0.0.0/24", [401, 429, 401, 401])], ids=["none", "one"]
)
def test_guesses_are_counted_for_whoever_guesses(trusted: str, answers: list[int], tmp_path: Path) -> None:
    migrated.sqlite(tmp_path / "nextmove.sqlite3")
    environment = processes.environment(tmp_path, NEXTMOVE_TRUSTED_PROXIES=trusted)
    done = subprocess.run(
        [sys.executable, "-c", GUESS], cwd=processes.ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == answers


def test_what_is_no_address_is_refused_at_the_start(tmp_path: Path) -> None:
    environment = processes.environment(tmp_path, NEXTMOVE_TRUSTED_PROXIES="10.0.0.5, *")
    done = subprocess.run([*processes.NEXTMOVE, "web"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "NEXTMOVE_TRUSTED_PROXIES: '*' is no address or network" in done.stderr
