"""Starts the real product as processes of its own, with its own data, and ends exactly those.

with processes.serving(tmp_path, demo=True) as site:
    status, body = site.post("/automation/tasks/1/complete", {"actual_hours": 2}, token=site.token("admin"))
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests import migrated, servers

ROOT = Path(__file__).resolve().parent.parent
NEXTMOVE = [sys.executable, "-m", "config.cli"]
READY_SECONDS = 90
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

T = TypeVar("T")


class TooLate(AssertionError):
    """What was waited for did not come."""


def until(what: Callable[[], T], *, seconds: float = 10, why: str = "") -> T:
    """The first true answer; asks every 50 ms and raises TooLate after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TooLate(f"{why or 'nothing came'} within {seconds} s")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """This process's own, without what configures the product, and with these."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NEXTMOVE_", "CELERY_", "DJANGO_", "PYTEST_"))
    }
    own = {"NEXTMOVE_ENV_FILE": os.devnull, "NEXTMOVE_DATA_DIR": str(data_dir), "NEXTMOVE_DEMO": "0"}
    return kept | own | {"PYTHONPATH": str(ROOT)} | more


def family(pid: int) -> dict[int, list[str]]:
    """Every process below this one, with its command line."""
    found: dict[int, list[str]] = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                found[process.pid] = process.cmdline()
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that waits for its parent does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def age(pid: int) -> float:
    """Seconds since it was started; 0 when it is not there any more."""
    try:
        return time.time() - psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


@dataclass
class Site:
    """A running product."""

    process: "subprocess.Popen[bytes]"
    port: int
    environment: dict[str, str]
    log: Path
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def parts(self) -> dict[str, int]:
        """Who leads each part now: web, jobs, worker, beat."""
        found = {}
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess, ValueError):
                words = process.cmdline()
                found[words[words.index("config.children") + 1]] = process.pid
        return found

    def nextmove(self, *arguments: str) -> Any:
        """Runs a command of the product against this site; its JSON."""
        done = subprocess.run(
            [*NEXTMOVE, *arguments, "--json"], env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"nextmove {' '.join(arguments)}: {done.returncode} {done.stdout} {done.stderr}")
        return json.loads(done.stdout)

    def token(self, username: str) -> str:
        if username not in self.tokens:
            self.tokens[username] = self.nextmove("token", "create", username)["token"]
        return self.tokens[username]

    def request(
        self, method: str, path: str, body: Any = None, *, token: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and parsed body (text when it is no JSON) of a request; never raises for a status."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        sent |= {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.url + path, data, sent | (headers or {}), method=method)
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _parsed(error.read())

    def get(self, path: str, **more: Any) -> tuple[int, Any]:
        return self.request("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        return self.request("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        return self.request("PUT", path, body, **more)

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.logged()}")
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """Asks it to end; by force after 20 s. Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


@contextlib.contextmanager
def serving(
    folder: Path,
    *,
    database_server: str = "",
    redis_url: str = "",
    demo: bool = False,
    from_nothing: bool = False,
    **more: str,
) -> Iterator[Site]:
    """`nextmove serve`, until /readyz answers: embedded, or on a database of its own, or with Redis.

    Its schema is a copy, which saves most of a start, unless it is to come `from_nothing`, as an operator's does.
    """
    name = f"{servers.OURS}_{uuid.uuid4().hex[:12]}"
    port = free_port()
    own = {
        "NEXTMOVE_PORT": str(port),
        "NEXTMOVE_DEMO": "1" if demo else "0",
        "NEXTMOVE_ADMIN_PASSWORD": "for the tests",
    }
    file = folder / "data" / "nextmove.sqlite3"
    file.parent.mkdir(parents=True, exist_ok=True)
    if database_server:
        create = servers.create_database if from_nothing else migrated.postgres
        own["NEXTMOVE_DATABASE_URL"] = create(database_server, name)
    elif not (from_nothing or file.exists()):
        migrated.sqlite(file)
    if redis_url:
        own |= {"CELERY_BROKER_URL": redis_url, "NEXTMOVE_REDIS_KEY_PREFIX": f"{name}:", "NEXTMOVE_QUEUE": name}
    try:
        with started([*NEXTMOVE, "serve"], folder, port, **own | more) as site:
            try:
                until(site.ready, seconds=READY_SECONDS, why="/readyz did not answer")
            except TooLate as error:
                raise TooLate(f"{error}:\n{site.logged()}") from None
            yield site
    finally:
        if database_server:
            servers.drop_databases(database_server, name)
        if redis_url:
            servers.forget_keys(redis_url, name)


@contextlib.contextmanager
def started(command: list[str], folder: Path, port: int = 0, **own: str) -> Iterator[Site]:
    """Any command of the product, with its output in a file; ended on the way out."""
    log = folder / f"log-{uuid.uuid4().hex[:6]}.txt"
    surroundings = environment(folder / "data", **own)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=surroundings, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    site = Site(process, port, surroundings, log)
    try:
        yield site
    finally:
        site.stop()
