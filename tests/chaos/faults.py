"""What goes wrong: one fault at a time, drawn by a seeded generator, each written down with its time."""

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from tests import own_servers, processes
from tests.chaos.database import AWAY
from tests.chaos.installation import Installation

STOPPED_SECONDS = 10.0
DOWN_SECONDS = 60.0
FULL_SECONDS = 5.0
WRONG_CLOCK_SECONDS = 20.0
WRONG_BY_SECONDS = 300.0

Act = Callable[[Installation, random.Random], str]
"""What was hit, in words; empty when there was nothing to hit just now."""


@dataclass(frozen=True)
class Fault:
    name: str
    weight: float
    act: Act
    rest_seconds: float = 0.0
    """Not again before."""


def _kill(part: str, *, child: bool = False) -> Act:
    """The part, or one of the processes that it has forked: granian's worker, who runs jobs, one of Celery's pool."""

    def act(installation: Installation, rng: random.Random) -> str:
        pids = installation.part(part)
        if child:
            pids = [pid for leader in pids for pid in sorted(processes.family(leader))]
        if not pids:
            return ""
        pid = rng.choice(pids)
        os.kill(pid, signal.SIGKILL)
        return f"{'child of ' if child else ''}{part} {pid}"

    return act


def _stop_and_go_on(installation: Installation, rng: random.Random) -> str:
    """A machine that hangs: the whole part stands still, and goes on with what it believed before."""
    pids = [pid for part in ("web", "jobs", "worker", "beat") for pid in installation.part(part)]
    if not pids:
        return ""
    leader = rng.choice(pids)
    group = [leader, *processes.family(leader)]
    _signal(group, signal.SIGSTOP)
    threading.Timer(STOPPED_SECONDS, _signal, (group, signal.SIGCONT)).start()
    return f"{len(group)} processes of {leader}"


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _flush(installation: Installation, rng: random.Random) -> str:
    assert installation.broker is not None
    with contextlib.closing(redis.Redis.from_url(installation.broker.url, socket_timeout=2)) as client:
        try:
            waiting = client.llen("test_nextmove")
            client.flushall()
        except redis.RedisError:
            return ""
    return f"with {waiting} messages waiting"


def _broker_again(*, without_data: bool) -> Act:
    """Killed and started again at once."""

    def act(installation: Installation, rng: random.Random) -> str:
        broker = installation.broker
        if broker is None or broker.process is None:
            return ""
        broker.kill()
        if without_data:
            broker.forget()
        broker.start()
        return broker.name

    return act


def _broker_away(installation: Installation, rng: random.Random) -> str:
    broker = installation.broker
    if broker is None or broker.process is None:
        return ""
    broker.kill()
    threading.Timer(DOWN_SECONDS, broker.start).start()
    return f"{broker.name} for {DOWN_SECONDS:g} s"


def _cut_connection(installation: Installation, rng: random.Random) -> str:
    try:
        pids = installation.database.rows(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if not pids:
            return ""
        (pid,) = rng.choice(sorted(pids))
        installation.database.rows(f"SELECT pg_terminate_backend({int(pid)})")
    except psycopg.Error:
        return ""
    return f"backend {pid}"


def _postgres_again(installation: Installation, rng: random.Random) -> str:
    assert installation.postgres is not None
    own_servers.restart_at_once(installation.postgres)
    return "immediate"


def _disk_full(installation: Installation, rng: random.Random) -> str:
    """For whoever writes the database no file takes another byte; logs neither. That is how a full disk looks from
    within, except that the error is called EFBIG: it needs no disk of its own and no rights."""
    server = installation.postgres
    leaders = [installation.part("supervisor"), installation.part("web"), installation.part("jobs")]
    writing = [server.process.pid] if server and server.process else [pid for pids in leaders for pid in pids]
    if not writing:
        return ""
    group = sorted({one for pid in writing for one in (pid, *processes.family(pid))})
    who = own_servers.as_nobody() if server else {}
    _limit_files(group, "0", who)
    time.sleep(FULL_SECONDS)
    _limit_files({*group, *(one for pid in writing for one in processes.family(pid))}, "unlimited", who)
    if server and server.process and server.process.poll() is not None:
        server.start()  # it gave up, since it could not even recover
    return f"{len(group)} processes for {FULL_SECONDS:g} s"


def _limit_files(pids: Iterable[int], size: str, who: dict[str, Any]) -> None:
    """Only the soft limit, so that its owner may lift it again; one that has ended meanwhile needs none."""
    for pid in pids:
        subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={size}:"], check=False, stderr=subprocess.DEVNULL, **who)


def _shift_clock(installation: Installation, rng: random.Random) -> str:
    """One process believes in another time than all others, for a while."""
    pids = [
        pid
        for part in ("web", "jobs", "worker", "beat")
        for leader in installation.part(part)
        for pid in (leader, *sorted(processes.family(leader)))
    ]
    if not pids:
        return ""
    pid, seconds = rng.choice(pids), rng.choice([-WRONG_BY_SECONDS, WRONG_BY_SECONDS])
    clock = installation.clocks / str(pid)
    clock.write_text(str(seconds))
    threading.Timer(WRONG_CLOCK_SECONDS, clock.unlink).start()
    return f"process {pid} by {seconds:+g} s"


def _poison(installation: Installation, rng: random.Random) -> str:
    """A job that kills whoever runs it: after five times it is given up, and it stops no other."""
    try:
        return installation.database.enqueue("chaos.poison")
    except AWAY:
        return ""


def of(place: str) -> list[Fault]:
    """All that can go wrong in this place."""
    own = [
        Fault("kill -9 web", 2, _kill("web")),
        Fault("kill -9 child of web", 2, _kill("web", child=True)),
        Fault("kill -9 supervisor", 1, _kill("supervisor")),
        Fault("SIGSTOP 10 s", 1, _stop_and_go_on, rest_seconds=15),
        Fault("poison job", 0.5, _poison, rest_seconds=120),
        Fault("disk full 5 s", 0.5, _disk_full, rest_seconds=30),
        Fault("clock 5 min wrong", 0.5, _shift_clock, rest_seconds=30),
    ]
    if place == "embedded":
        return [
            *own,
            Fault("kill -9 runner", 2, _kill("jobs")),
            Fault("kill -9 child of runner", 2, _kill("jobs", child=True)),
        ]
    own += [
        Fault("kill -9 worker", 3, _kill("worker")),
        Fault("kill -9 child of worker", 4, _kill("worker", child=True)),
        Fault("kill -9 beat", 2, _kill("beat")),
        Fault("pg_terminate_backend", 3, _cut_connection),
        Fault("PostgreSQL restarted, immediate", 0.5, _postgres_again, rest_seconds=30),
        Fault("broker killed, restarted without data", 1, _broker_again(without_data=True), rest_seconds=20),
        Fault("broker down 60 s", 0.3, _broker_away, rest_seconds=150),
    ]
    if place == "redis":
        return [*own, Fault("FLUSHALL", 3, _flush)]
    return [*own, Fault("broker killed, restarted with data", 1, _broker_again(without_data=False), rest_seconds=20)]


@dataclass
class Torment:
    """Faults until it is told to stop."""

    installation: Installation
    faults: list[Fault]
    rng: random.Random
    every_seconds: float
    log: Path
    counts: "Counter[str]" = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self.began = time.monotonic()
        self._last: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """And waits until what is away for a while has come back."""
        self._ended.set()
        self._thread.join()
        for timer in threading.enumerate():
            if isinstance(timer, threading.Timer):
                timer.join()

    @property
    def kills(self) -> int:
        return sum(count for name, count in self.counts.items() if name.startswith("kill -9"))

    def _run(self) -> None:
        while not self._ended.wait(self.rng.uniform(0.5, 1.5) * self.every_seconds):
            now = time.monotonic()
            ready = [one for one in self.faults if now - self._last.get(one.name, -1e9) >= one.rest_seconds]
            fault = self.rng.choices(ready, [one.weight for one in ready])[0]
            try:
                hit = fault.act(self.installation, self.rng)
            except (psutil.NoSuchProcess, ProcessLookupError):
                hit = ""
            except Exception as error:
                self.errors.append(f"{fault.name}: {error!r}")
                raise
            if hit:
                self._last[fault.name] = time.monotonic()
                self.counts[fault.name] += 1
                with self.log.open("a") as log:
                    log.write(json.dumps({"after": round(now - self.began, 1), "fault": fault.name, "hit": hit}) + "\n")
