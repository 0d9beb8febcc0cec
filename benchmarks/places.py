"""Where measurements run: the product's own processes on a database of their own, ended afterwards."""

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import processes, servers
from tests.processes import Site


@dataclass(frozen=True)
class Place:
    """SQLite and the runner, or a PostgreSQL server with Redis, a worker and beat."""

    name: str
    database_server: str = ""
    redis_url: str = ""


@contextlib.contextmanager
def reachable() -> Iterator[tuple[list[Place], list[str]]]:
    """The places there are, and in words what is missing."""
    places, missing = [Place("SQLite, embedded")], []
    with servers.postgres() as (database, words):
        redis_url, redis_words = servers.redis_server()
        if database and redis_url:
            places.append(Place("PostgreSQL + Redis", database, redis_url))
        else:
            missing = [text for found, text in ((database, words), (redis_url, redis_words)) if not found]
        yield places, missing


@contextlib.contextmanager
def migrated(place: Place, folder: Path) -> Iterator[dict[str, str]]:
    """The surroundings of programs on an empty database of their own, without servers."""
    name, own = f"{servers.OURS}_{uuid.uuid4().hex[:12]}", {}
    if place.database_server:
        own["NEXTMOVE_DATABASE_URL"] = servers.create_database(place.database_server, name)
    surroundings = processes.environment(folder, **own)
    try:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=processes.ROOT, env=surroundings, check=True
        )
        yield surroundings
    finally:
        if place.database_server:
            servers.drop_databases(place.database_server, name)


@contextlib.contextmanager
def serving(place: Place, folder: Path, application: str, *, jobs: bool = True) -> Iterator[Site]:
    """granian with this WSGI application, and the jobs behind it as in production of that place, unless they would
    take time from what is measured.
    """
    name = f"{servers.OURS}_{uuid.uuid4().hex[:12]}"
    port = processes.free_port()
    own = {"NEXTMOVE_DEMO": "0"}
    if place.database_server:
        own["NEXTMOVE_DATABASE_URL"] = servers.create_database(place.database_server, name)
    if place.redis_url:
        own |= {"CELERY_BROKER_URL": place.redis_url, "NEXTMOVE_REDIS_KEY_PREFIX": f"{name}:", "NEXTMOVE_QUEUE": name}
    environment = processes.environment(folder / "data", **own)
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=processes.ROOT, env=environment, check=True)
    granian = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--blocking-threads", "2", "--no-ws", application),
    ]
    celery = [sys.executable, "-m", "celery", "-A", "celery_app"]
    behind = (
        [[*celery, "worker", "-c", "1", "--loglevel=warning"], [*celery, "beat", "--loglevel=warning"]]
        if place.redis_url
        else [[sys.executable, "-m", "config.cli", "jobs"]]
    )
    try:
        with contextlib.ExitStack() as stack:
            for command in behind if jobs else ():
                stack.enter_context(processes.started(command, folder, **own))
            site = stack.enter_context(processes.started(granian, folder, port, **own))
            site.environment = environment
            processes.until(site.ready, seconds=60, why="granian did not answer")
            yield site
    finally:
        if place.database_server:
            servers.drop_databases(place.database_server, name)
        if place.redis_url:
            servers.forget_keys(place.redis_url, name)


def python_in(environment: dict[str, str], program: str) -> str:
    """What a program prints that runs with the product set up."""
    done = subprocess.run(
        [sys.executable, "-c", f"import celery_app\n{program}"],
        cwd=processes.ROOT,
        env=environment | {"PYTHONPATH": os.fspath(processes.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
