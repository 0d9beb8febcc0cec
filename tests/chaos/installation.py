"""The product as an operator runs it, on servers of its own: `nextmove serve`, and with a broker a second worker and a
second beat beside it. Whatever ends is started again, as systemd would do.
"""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests import migrated, own_servers, processes, servers
from tests.chaos import gateway, warm
from tests.chaos.database import AWAY, Database
from tests.chaos.inside import Wishes
from tests.own_servers import OwnServer
from tests.processes import Site

SEAM = Path(__file__).parent / "seam"
START_AGAIN_SECONDS = 0.5
CELERY = [sys.executable, "-m", "celery", "-A", "celery_app"]
PROGRAMS = {"serve": processes.NEXTMOVE, "worker": CELERY, "beat": CELERY}
PLACES = {"embedded": (False, ""), "redis": (True, "redis"), "rabbitmq": (True, "rabbitmq")}
"""Whether PostgreSQL, and which broker."""


@dataclass
class Member:
    """A program that leads a group of processes of its own."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    image: "warm.Image | None" = None
    """What it is forked from, where it is not started as a program."""
    process: "subprocess.Popen[bytes] | warm.Forked | None" = None
    started_at: float = 0.0
    ended_at: float = 0.0

    def start(self) -> None:
        self.started_at, self.ended_at = time.monotonic(), 0.0
        if self.image is not None:
            self.process = self.image.start(self.command, self.log)
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def look(self) -> None:
        """Starts it again a while after it ended; what it left behind is ended first."""
        if self.process is None or self.process.poll() is None:
            return
        if not self.ended_at:
            self.ended_at = time.monotonic()
            self._end_group()
        elif time.monotonic() - self.ended_at >= START_AGAIN_SECONDS:
            self.start()

    def stop(self) -> None:
        if self.process is None:
            return
        for pid in [self.process.pid, *processes.family(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(25)
        self._end_group()
        self.process.wait()

    def _end_group(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@dataclass
class Installation:
    place: str
    folder: Path
    site: Site
    database: Database
    gateway: gateway.Gateway
    teams: list[dict[str, Any]]
    members: list[Member]
    postgres: OwnServer | None
    broker: OwnServer | None
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def clocks(self) -> Path:
        """See `inside.Wishes`."""
        return self.folder / "clocks"

    @property
    def notes(self) -> Path:
        return self.folder / "inside.txt"

    def start(self) -> None:
        self._stopped.clear()
        for member in self.members:
            member.start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        processes.until(self._answers, seconds=processes.READY_SECONDS, why="/readyz")

    def stop(self) -> None:
        """The product; its servers stay, so that its database can be read."""
        self._stopped.set()
        self._keeper.join()
        for member in reversed(self.members):
            member.stop()

    def _keep(self) -> None:
        """The one who looks after it, until the end."""
        while not self._stopped.wait(0.1):
            for member in self.members:
                member.look()

    def _answers(self) -> bool:
        try:
            return self.site.get("/readyz")[0] == 200
        except OSError:
            return False

    def part(self, name: str) -> list[int]:
        """The processes that do this now: web, jobs, worker, beat or supervisor; each part's leader."""
        found = []
        for member in self.members:
            if member.process is None or member.process.poll() is not None:
                continue
            if member.name == "serve":
                found += [member.process.pid] if name == "supervisor" else []
                with contextlib.suppress(psutil.NoSuchProcess):
                    found += [pid for role, pid in _parts(member.process.pid).items() if role == name]
            elif member.name == name:
                found.append(member.process.pid)
        return found

    def is_whole(self) -> bool:
        """Whether every part is there, and answers."""
        parts = ["web", "worker", "beat"] if self.broker is not None else ["web", "jobs"]
        return all(self.part(name) for name in parts) and self._answers()

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-4000:]}" for path in self.folder.glob("*.txt")
        )

    def pending(self) -> int:
        """What is still to be done; ticks never end."""
        return int(
            self.database.one("SELECT COUNT(*) FROM jobs_job WHERE state = 'pending' AND name <> 'chaos.tick'")
        ) + int(self.database.one("SELECT COUNT(*) FROM crm_activity WHERE processed_at IS NULL"))

    def done(self) -> int:
        """What was done so far, besides ticks."""
        jobs = self.database.one("SELECT COUNT(*) FROM jobs_job WHERE state = 'done' AND name <> 'chaos.tick'")
        return int(jobs) + int(self.database.one("SELECT COUNT(*) FROM crm_activity WHERE processed_at IS NOT NULL"))

    def is_quiet(self) -> bool:
        try:
            return self.pending() == 0
        except AWAY:
            return False

    def told_by_api(self) -> dict[str, int]:
        """What each person has completed, as the product says."""
        told = {}
        for team, facts in enumerate(self.teams):
            for place, pk in enumerate(facts["people"]):
                status, answer = self.site.get(f"/automation/performance/user/{pk}", token=facts["tokens"][0])
                told[f"completed by {team}.{place}"] = answer["completed_assignments"] if status == 200 else -status
        return told


def _parts(supervisor: int) -> dict[str, int]:
    found = {}
    for process in psutil.Process(supervisor).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            forked = "config.children" not in words
            found[process.name() if forked else words[words.index("config.children") + 1]] = process.pid
    return found


@contextlib.contextmanager
def own_servers_of(place: str) -> Iterator[tuple[OwnServer | None, OwnServer | None]]:
    """PostgreSQL and broker of this place. Raises own_servers.NotInstalled."""
    database, broker = PLACES[place]
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(own_servers.own_postgres()) if database else None
        start = {"redis": own_servers.own_redis, "rabbitmq": own_servers.own_rabbitmq}.get(broker)
        yield postgres, stack.enter_context(start()) if start else None


@contextlib.contextmanager
def running(
    place: str, folder: Path, *, events: int, wishes: Wishes, without_keys: bool = False, is_warm: bool = False
) -> Iterator[Installation]:
    """The product with its scene, ready for the first event; warm: see there. Raises own_servers.NotInstalled."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        postgres, broker = stack.enter_context(own_servers_of(place))
        outside = stack.enter_context(gateway.listening())
        port = processes.free_port()
        own = {
            "NEXTMOVE_PORT": str(port),
            "NEXTMOVE_ADMIN_PASSWORD": "for the tests",
            "NEXTMOVE_PRIVATE_HOSTS": f"127.0.0.1:{outside.port}",
            "NEXTMOVE_EMAIL_URL": outside.mail_url,
        }
        own |= {"NEXTMOVE_DATABASE_URL": postgres.url} if postgres else {}
        own |= {"CELERY_BROKER_URL": broker.url, "NEXTMOVE_QUEUE": servers.OURS} if broker else {}
        data = folder / "data"
        surroundings = processes.environment(data, **own)
        prepare = [_scene(events, outside.url, without_keys)]
        if postgres:
            prepare.insert(0, ["manage.py", "migrate", "-v0"])
        else:
            data.mkdir()
            migrated.sqlite(data / "nextmove.sqlite3")
        for command in prepare:
            done = subprocess.run(
                [sys.executable, *command], cwd=processes.ROOT, env=surroundings, check=True, capture_output=True
            )
        (folder / "clocks").mkdir(exist_ok=True)
        wishes = dataclasses.replace(wishes, clocks=str(folder / "clocks"), notes=str(folder / "inside.txt"))
        armed = surroundings | {"CHAOS": wishes.as_json(), "PYTHONPATH": f"{SEAM}:{processes.ROOT}"}
        commands = {"serve": ["serve"]}
        if broker:
            commands["worker"] = ["worker", "--loglevel=warning", "-c", "2", "-n", "second@%h"]
            commands["beat"] = ["beat", "--loglevel=warning"]
        image = stack.enter_context(warm.image(folder, armed)) if is_warm else None
        members = [
            Member(name, words if image else [*PROGRAMS[name], *words], armed, folder / f"{name}.txt", image)
            for name, words in commands.items()
        ]
        site = Site(None, port, armed, folder / "serve.txt")  # type: ignore[arg-type] (its process changes)
        installation = Installation(
            place,
            folder,
            site,
            Database(data, postgres.url if postgres else ""),
            outside,
            json.loads(done.stdout)["teams"],
            members,
            postgres,
            broker,
        )
        try:
            installation.start()
            yield installation
        finally:
            installation.stop()


def _scene(events: int, gateway_url: str, without_keys: bool) -> list[str]:
    return ["-m", "tests.chaos.scene", str(events), gateway_url, *(["--without-keys"] if without_keys else [])]
