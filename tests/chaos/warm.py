"""Parts of the product as forks of one image that has everything loaded: a start then takes milliseconds where it took
seconds, so that a run meets many more kills, and the product is there to be killed.

What is forked leads a group of its own, watches its supervisor and ends as the real one does: only the loading of code
is not done again. A process of its own, with the environment of the parts:

    python -m tests.chaos.warm SOCKET
"""

import atexit
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import processes

PR_SET_NAME = 15
PAUSE_SECONDS = 0.2
"""The supervisor's, before it starts a part again: loading alone would have taken longer."""
READY_SECONDS = 120


class Forked:
    """What of `subprocess.Popen` its callers use."""

    def __init__(self, pid: int, lifeline: int | None = None) -> None:
        self.pid = pid
        self.stdin = None if lifeline is None else os.fdopen(lifeline, "wb", buffering=0)
        self.ended = False

    def poll(self) -> int | None:
        """Somebody else's child, so that only its being gone is known."""
        self.ended = self.ended or not processes.alive(self.pid)
        return -1 if self.ended else None

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def wait(self, timeout: float = 60.0) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a warm part", timeout)
            time.sleep(0.02)
        return -1


class Child(Forked):
    """One that this process has forked itself, and so has to reap."""

    def wait(self, timeout: float = 60.0) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Image:
    """The process that is forked, from the side of who asks it to."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def start(self, command: list[str], log: Path) -> Forked:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.place))
            line.sendall(json.dumps({"command": command, "log": str(log)}).encode() + b"\n")
            return Forked(int(line.makefile().readline()))


@contextlib.contextmanager
def image(folder: Path, environment: dict[str, str]) -> Iterator[Image]:
    """Loaded and waiting; it ends with its caller, however that ends."""
    log = folder / "warm.txt"
    short = tempfile.mkdtemp(prefix="warm-", dir="/tmp")  # a socket has an address of 100 letters at most
    place = Path(short) / "socket"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.warm", str(place)],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:

        def is_there() -> bool:
            assert process.poll() is None, log.read_text()
            return place.exists()

        processes.until(is_there, seconds=READY_SECONDS, why="the warm image")
        yield Image(place)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)
        shutil.rmtree(short)


# --- inside the image ------------------------------------------------------------------------------------------------


def main(place: str) -> None:
    load()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{place}.new")
    listening.listen()
    os.rename(f"{place}.new", place)  # noqa: PTH104
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [], 0.05)
        _reap()
        if sys.stdin in ready:
            return  # its other end was closed
        if listening in ready:
            line, _ = listening.accept()
            with line:
                asked = json.loads(line.makefile().readline())
                pid = fork(lambda asked=asked: member(asked["command"]), name="serve", log=asked["log"])  # type: ignore[misc]
                line.sendall(f"{pid}\n".encode())


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def load() -> None:
    """All that a part would import, in any order; nothing is connected and no thread begun."""
    from config import children

    children.setup_django()
    import celery.apps.beat
    import celery.apps.worker
    import celery.concurrency.prefork
    import granian
    import kombu.transport.pyamqp
    import kombu.transport.redis
    import psycopg
    from django.db import connections
    from django.db.migrations.loader import MigrationLoader
    from django.urls import get_resolver

    import celery_app
    import config.wsgi
    from config import preparing, supervisor
    from config.celery import app

    app.loader.import_default_modules()
    assert get_resolver().url_patterns
    assert MigrationLoader(None).disk_migrations
    connections.close_all()
    supervisor.Part.start = start_part  # type: ignore[method-assign]
    supervisor.pause_after = lambda _lived, _last: PAUSE_SECONDS
    del celery, celery_app, config, granian, kombu, preparing, psycopg


def fork(
    step: Callable[[], int], *, name: str, log: str = "", stdin: int | None = None, kept: tuple[int, ...] = ()
) -> int:
    """A child that leads its group, holds nothing of its parent's but `kept`, does the step and ends."""
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):  # it may have done so, or be gone
            os.setpgid(pid, pid)
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_RDONLY) if stdin is None else stdin, 0)
        if log:
            os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1)
            os.dup2(1, 2)
        for number in range(3, 256):
            if number not in kept:
                with contextlib.suppress(OSError):
                    os.close(number)
        code = step()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def member(command: list[str]) -> int:
    """`nextmove serve`, or a Celery command."""
    from config import supervisor
    from config.celery import app

    if command == ["serve"]:
        return supervisor.serve()
    app.start(argv=command)
    return 0


def start_part(part: Any, *, pass_fds: tuple[int, ...] = ()) -> None:
    """In place of the supervisor's own: a fork where it starts a program."""
    from config import children

    def step() -> int:
        os.environ.clear()
        os.environ.update(part.environment)
        children.watch_supervisor(0)
        children.ROLES[part.role](*part.arguments)
        return 0

    part.started_at = time.monotonic()
    reading, writing = os.pipe()
    part.process = Child(fork(step, name=part.role, stdin=reading, kept=pass_fds), writing)
    os.close(reading)


if __name__ == "__main__":
    # Under its own name, so that there is one of each class.
    from tests.chaos import warm

    warm.main(sys.argv[1])
