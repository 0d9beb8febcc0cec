"""The supervisor, with real processes: what it restarts, and that nothing survives it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import supervisor
from tests import processes
from tests.processes import Site, alive, until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared once, from nothing; every start after the first is a second start."""
    return tmp_path_factory.mktemp("house")


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    with processes.serving(folder, from_nothing=True) as running:
        until(lambda: {"web", "jobs"} <= set(running.parts()), why="web and jobs")
        yield running


def test_what_is_killed_is_started_again(site: Site):
    for role in ("web", "jobs"):
        before = site.parts()[role]
        os.kill(before, signal.SIGKILL)
        until(lambda r=role, b=before: site.parts().get(r, b) != b, seconds=20, why=f"a new {role}")
    until(site.ready, seconds=20, why="/readyz after the kills")
    assert "web ended with -9; starting it again" in site.logged()
    assert "jobs ended with -9; starting it again" in site.logged()


def test_a_new_runner_loads_no_pages_and_no_readers_of_signatures_first(tmp_path: Path):
    """Who was killed is missed until its successor is there."""
    start = """
import sys
from config import children
children.setup_django()
from config.celery import app
app.loader.import_default_modules()
print(*(name for name in ("api.urls", "web.urls", "config.urls", "svix") if name in sys.modules))
"""
    surroundings = processes.environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", start], env=surroundings, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("role", ["web", "jobs"])
def test_a_killed_leader_leaves_no_worker_behind(site: Site, role: str):
    leader = site.parts()[role]
    workers = until(lambda: list(processes.family(leader)), seconds=20, why="a process of its own that does the work")
    os.kill(leader, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in workers), why="the end of who did the work")


@pytest.mark.parametrize("with_leader", [False, True], ids=["alone", "together with the web server's leader"])
def test_a_killed_supervisor_leaves_no_orphan(site: Site, with_leader: bool):
    family = processes.family(site.process.pid)
    assert len(family) >= 3
    victims = [site.process.pid, *([site.parts()["web"]] if with_leader else [])]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    site.process.wait()
    until(lambda: not [pid for pid in family if alive(pid)], why="the end of every process")


def test_two_interrupts_end_everything_with_0(site: Site):
    family = processes.family(site.process.pid)
    site.process.send_signal(signal.SIGINT)
    site.process.send_signal(signal.SIGINT)
    assert site.process.wait(15) == 0
    assert not [pid for pid in family if alive(pid)]
    assert "Traceback" not in site.logged()


def test_one_interrupt_ends_everything_with_0_and_a_word(site: Site):
    family = processes.family(site.process.pid)
    site.process.send_signal(signal.SIGINT)
    assert site.process.wait(15) == 0
    assert not [pid for pid in family if alive(pid)]
    assert site.logged().rstrip().endswith("Stopped.")


def test_an_interrupt_while_preparing_leaves_nothing(tmp_path: Path):
    with processes.started([*processes.NEXTMOVE, "serve"], tmp_path) as site:
        family = until(lambda: processes.family(site.process.pid), why="the preparing process")
        site.process.send_signal(signal.SIGINT)
        assert site.process.wait(15) == 0
        assert not [pid for pid in family if alive(pid)]
        assert "Traceback" not in site.logged()


def test_a_port_that_was_asked_for_and_is_taken_is_refused(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with processes.started([*processes.NEXTMOVE, "serve"], tmp_path, NEXTMOVE_PORT=str(port)) as site:
            assert site.process.wait(30) == 2
            assert f"port {port} on 127.0.0.1 is taken" in site.logged()
            assert "leave NEXTMOVE_PORT unset" in site.logged()


def test_all_wrong_settings_are_told_at_once(tmp_path: Path):
    wrong = {"NEXTMOVE_PORT": "many", "NEXTMOVE_TIME_ZONE": "localtime", "CELERY_BROKER_URL": "kafka://x"}
    with processes.started([*processes.NEXTMOVE, "serve"], tmp_path, **wrong) as site:
        assert site.process.wait(30) == 2
        assert all(name in site.logged() for name in wrong), site.logged()
        assert "Traceback" not in site.logged()


def test_a_database_that_does_not_answer_is_told_with_the_mend(tmp_path: Path):
    url = f"postgres://nobody@127.0.0.1:{processes.free_port()}/none"
    with processes.started([*processes.NEXTMOVE, "serve"], tmp_path, NEXTMOVE_DATABASE_URL=url) as site:
        assert site.process.wait(30) == 2
        assert "NEXTMOVE_DATABASE_URL: the database does not answer" in site.logged()


@pytest.mark.parametrize(
    ("lived", "last", "expected"),
    [(0.1, 0, 0.5), (0.1, 0.5, 1), (9.9, 16, 30), (0, 30, 30), (10, 30, 0), (3600, 0, 0)],
)
def test_the_pause_doubles_and_forgets(lived: float, last: float, expected: float):
    assert supervisor.pause_after(lived, last) == expected
