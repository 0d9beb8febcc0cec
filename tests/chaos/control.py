"""The control group: the same driver and the same faults on plain Celery, `delay()` after the commit. A trial that
finds nothing here would prove nothing anywhere.

An event is stored once by its id; a job makes two rows of it and asks for two more jobs, each of which makes one.

    python -m tests.chaos.control PORT                the web part
    celery -A tests.chaos.control worker              the jobs
"""

import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import psycopg
from celery import Celery

from tests import processes
from tests.chaos import effects, faults, gateway
from tests.chaos.database import AWAY, Database
from tests.chaos.driver import Driver
from tests.chaos.installation import Installation, Member, own_servers_of
from tests.processes import Site

VISIBILITY_SECONDS = 10
"""After which Redis hands out again what was not acknowledged; by default an hour, which no trial could await."""
STILL_SECONDS = 3 * VISIBILITY_SECONDS
FAULTS = (
    "kill -9 web",
    "kill -9 worker",
    "kill -9 child of worker",
    "FLUSHALL",
    "broker killed, restarted without data",
    "pg_terminate_backend",
)

# Not the current application: the product's is, also where this is only imported.
app = Celery("control", broker=os.environ.get("CONTROL_BROKER", "memory://"), set_as_current=False)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=bool(os.environ.get("CONTROL_LATE")),
    task_reject_on_worker_lost=bool(os.environ.get("CONTROL_LATE")),
    broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
    broker_connection_retry_on_startup=True,
)


def connect() -> "psycopg.Connection[Any]":
    return psycopg.connect(os.environ["CONTROL_DATABASE"], connect_timeout=3)


@app.task(name="control.follow")
def follow(number: int) -> None:
    with connect() as connection:
        for word in ("task-a", "task-b"):
            connection.execute("INSERT INTO effect (what) VALUES (%s)", [f"{word} {number}"])
    score.delay(number)
    assign.delay(number)


@app.task(name="control.score")
def score(number: int) -> None:
    with connect() as connection:
        connection.execute("INSERT INTO effect (what) VALUES (%s)", [f"score {number}"])
        connection.execute("UPDATE counter SET n = n + 1")


@app.task(name="control.assign")
def assign(number: int) -> None:
    with connect() as connection:
        connection.execute("INSERT INTO effect (what) VALUES (%s)", [f"assign {number}"])


def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Takes an event as the product does; whatever else is asked, it is well."""
    if environ["REQUEST_METHOD"] == "POST":
        (said,) = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        number = int(said["sg_event_id"].removeprefix("chaos-"))
        with connect() as connection:
            statement = "INSERT INTO event (id) VALUES (%s) ON CONFLICT DO NOTHING RETURNING id"
            fresh = connection.execute(statement, [number]).fetchone()
        if fresh:
            follow.delay(number)
    start_response("202 Accepted" if environ["REQUEST_METHOD"] == "POST" else "200 OK", [])
    return [b"{}"]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Nobody reads it."""


def expected(events: Iterable[int]) -> "Counter[str]":
    return Counter(f"{word} {number}" for number in events for word in ("task-a", "task-b", "score", "assign"))


@dataclass
class Outcome:
    late: bool
    events: int
    seed: int
    faults: dict[str, int]
    kills: int
    expected: int
    lost: int
    doubled: int
    counter: tuple[int, int]


def run(*, events: int, seconds: float, every_seconds: float, seed: int, late: bool) -> Outcome:
    """Raises own_servers.NotInstalled."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nextmove-control-")))
        postgres, broker = stack.enter_context(own_servers_of("redis"))
        assert postgres is not None
        assert broker is not None
        database = Database(folder, postgres.url)
        for table in ("event (id BIGINT PRIMARY KEY)", "effect (what TEXT)", "counter (n BIGINT)"):
            database.rows(f"CREATE TABLE {table}")
        database.rows("INSERT INTO counter (n) VALUES (0)")
        port = processes.free_port()
        own = {"CONTROL_DATABASE": postgres.url, "CONTROL_BROKER": broker.url, "CONTROL_LATE": "1" if late else ""}
        surroundings = processes.environment(folder, **own)
        celery = [sys.executable, "-m", "celery", "-A", "tests.chaos.control", "worker", "-c", "2", "--loglevel=error"]
        commands = [
            ("web", [sys.executable, "-m", "tests.chaos.control", str(port)]),
            ("worker", [*celery, "-n", "one@%h"]),
            ("worker", [*celery, "-n", "two@%h"]),
        ]
        members = [Member(name, words, surroundings, folder / f"{name}.txt") for name, words in commands]
        teams = [{"path": "/events"}, {"path": "/events"}]
        site = Site(None, port, surroundings, folder / "web.txt")  # type: ignore[arg-type] (its process changes)
        outside = stack.enter_context(gateway.listening())
        here = Installation("control", folder, site, database, outside, teams, members, postgres, broker)
        stack.callback(here.stop)
        here.start()
        chosen = [one for one in faults.of("redis") if one.name in FAULTS]
        driver = Driver(site, database, teams, events, seconds, random.Random(seed), completes=False)
        torment = faults.Torment(here, chosen, random.Random(seed), every_seconds, folder / "faults.jsonl")
        driver.start()
        torment.start()
        try:
            processes.until(lambda: driver.is_done, seconds=seconds + 120, why="not all events were answered")
        finally:
            driver.given_up.set()
            torment.stop()
        wait_until_still(database, expected(range(events)).total())
        here.stop()
        there = Counter(what for (what,) in database.rows("SELECT what FROM effect"))
        lost, doubled, _, _ = effects.compare(expected(range(events)), there)
        counter = (events, database.one("SELECT n FROM counter"))
    return Outcome(
        late,
        events,
        seed,
        dict(sorted(torment.counts.items())),
        torment.kills,
        sum(expected(range(events)).values()),
        lost,
        doubled,
        counter,
    )


def wait_until_still(database: Database, wanted: int) -> None:
    """Until nothing has come for as long as Redis may take to hand out again, or all is there."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < STILL_SECONDS and count < wanted:
        try:
            now = database.one("SELECT COUNT(*) FROM effect")
        except AWAY:
            now = count
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.2)


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), answer, Server, Quiet).serve_forever()
