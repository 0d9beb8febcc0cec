"""Who works in a fork of what was loaded once: followed at once by another, handed what is asked, and not for ever."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import following
from tests import processes
from tests.processes import alive, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each is a program of its own")

WORK = """
import os, signal, sys
from config import children, following
following.SETTLED_SECONDS = {settled}
def step():
    stop = children.stop_on_signals()
    with open(sys.argv[1], "a") as file:
        file.write(f"{{os.getpid()}}\\n")
    stop.wait()
following.work(step)
"""


class Leader:
    def __init__(self, file: Path, settled: float) -> None:
        self.file = file
        command = [sys.executable, "-c", WORK.format(settled=settled), str(file)]
        self.process = subprocess.Popen(command, cwd=processes.ROOT, process_group=0)

    def working(self, number: int) -> int:
        """The process id of the one who came so many before."""

        def seen() -> list[str]:
            lines = self.file.read_text().splitlines() if self.file.exists() else []
            return lines[number : number + 1]

        return int(until(seen, seconds=20, why=f"number {number}")[0])


@pytest.fixture
def leader(tmp_path: Path) -> Iterator[Callable[[float], Leader]]:
    made: list[Leader] = []

    def make(settled: float) -> Leader:
        made.append(Leader(tmp_path / "pids", settled))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


def test_whoever_is_killed_after_a_while_is_followed_by_a_fork(leader: Callable[[float], Leader]) -> None:
    one = leader(0.0)
    for number in range(3):
        os.kill(one.working(number), signal.SIGKILL)
    last = one.working(3)
    assert one.process.poll() is None
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(20) == 0
    assert not alive(last)


def test_one_that_ends_soon_is_left_to_the_supervisor(leader: Callable[[float], Leader]) -> None:
    one = leader(60.0)
    os.kill(one.working(0), signal.SIGKILL)
    assert one.process.wait(20) == 1


def test_one_that_ends_as_it_should_ends_both(leader: Callable[[float], Leader]) -> None:
    one = leader(0.0)
    os.kill(one.working(0), signal.SIGTERM)
    assert one.process.wait(20) == 0


def test_asking_twice_is_asking_once(leader: Callable[[float], Leader]) -> None:
    one = leader(0.0)
    one.working(0)
    for number in following.ASKED:
        one.process.send_signal(number)
    assert one.process.wait(20) == 0
