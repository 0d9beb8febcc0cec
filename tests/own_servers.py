"""Servers that a test starts for itself, on free ports, with data of their own: these it may kill, flush and restart.

As root they run as `nobody`, since PostgreSQL refuses root. What is not installed is said in words.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests import processes

UNPRIVILEGED = "nobody"
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
READY_SECONDS = 60


class NotInstalled(Exception):
    """There is no such program here; the message says what to install."""


def as_nobody() -> dict[str, Any]:
    """What a child process is started with, so that it has no rights of root."""
    return {"user": UNPRIVILEGED, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


@dataclass
class OwnServer:
    """One server of ours. `start` waits until it answers; `kill` is kill -9 of all its processes."""

    name: str
    command: list[str]
    folder: Path
    port: int
    url: str
    answers: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)
    stopping: signal.Signals = signal.SIGTERM
    data: Path | None = None
    """What `forget` removes."""
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LANG": "C", "HOME": str(self.folder)} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                **as_nobody(),
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise processes.TooLate(f"{self.name} did not start:\n{(self.folder / 'log.txt').read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def forget(self) -> None:
        """All that it wrote down, while it is not running."""
        if self.data is not None:
            shutil.rmtree(self.data)

    def stop(self) -> None:
        """As its operator would; by force when that takes long."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stopping)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def _folder(what: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"nextmove-own-{what}-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_redis() -> Iterator[OwnServer]:
    """Without any persistence: what it held is gone when it ends."""
    program = shutil.which("redis-server")
    if program is None:
        raise NotInstalled("there is no redis-server (apt-get install redis-server)")
    port = processes.free_port()
    words = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    url = f"redis://127.0.0.1:{port}/0"

    def answers() -> bool:
        with contextlib.closing(redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    with _folder("redis") as folder:
        server = OwnServer("Redis", words, folder, port, url, answers)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _postgres_programs() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if installed:
        return installed[-1].parent
    found = shutil.which("postgres")
    if found is None:
        raise NotInstalled("there is no PostgreSQL server (apt-get install postgresql)")
    return Path(found).resolve().parent


@contextlib.contextmanager
def own_postgres() -> Iterator[OwnServer]:
    """A cluster of its own with one empty database, `nextmove`. Its commits are on disk as they are in production."""
    programs = _postgres_programs()
    port = processes.free_port()
    url = f"postgres://postgres@127.0.0.1:{port}/nextmove"

    def answers() -> bool:
        try:
            psycopg.connect(url.replace("/nextmove", "/postgres"), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    with _folder("postgres") as folder:
        data = folder / "data"
        make = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_nobody())
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        words = [str(programs / "postgres"), "-D", str(data), "-p", str(port), *options]
        server = OwnServer("PostgreSQL", words, folder, port, url, answers, stopping=signal.SIGINT)
        server.start()
        try:
            with psycopg.connect(url.replace("/nextmove", "/postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE nextmove")
            yield server
        finally:
            server.stop()


def restart_at_once(server: OwnServer) -> None:
    """PostgreSQL's immediate shutdown, as when the power fails, and the recovery after it."""
    assert server.process is not None
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait(30)
    server.start()


@contextlib.contextmanager
def own_rabbitmq() -> Iterator[OwnServer]:
    """A node of its own name with its own data, ports and port mapper."""
    if not RABBITMQ.exists() or shutil.which("epmd") is None:
        raise NotInstalled("there is no RabbitMQ server (apt-get install rabbitmq-server)")
    port, distribution, mapper = processes.free_port(), processes.free_port(), processes.free_port()
    with _folder("rabbitmq") as folder:
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users = none\n")
        surroundings = {
            "RABBITMQ_NODENAME": f"chaos{port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

        def answers() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as knock:
                    knock.sendall(b"AMQP\x00\x00\x09\x01")
                    return bool(knock.recv(1))
            except OSError:
                return False

        epmd = subprocess.Popen(
            ["epmd", "-port", str(mapper), "-address", "127.0.0.1"], stderr=subprocess.DEVNULL, **as_nobody()
        )
        url = f"amqp://guest:guest@127.0.0.1:{port}//"
        server = OwnServer(
            "RabbitMQ", [str(RABBITMQ)], folder, port, url, answers, surroundings, data=folder / "mnesia"
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()
            epmd.kill()
            epmd.wait()
