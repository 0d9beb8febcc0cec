"""How much faster two worker processes are than one: two teams' events through Celery, on PostgreSQL and Redis.

What PostgreSQL's own processes take meanwhile is printed beside it. With two cores, on which both workers and the
database run, it is not judged: then it says little about the product.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks import costs
from benchmarks.places import Place, migrated
from tests import processes, servers

ROUNDS, EVENTS, RULES = 3, 20_000, 200
JUDGED_FROM = 4
"""Cores."""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Events a second with one and with two, their ratio over paired rounds, and PostgreSQL's CPU in cores."""
    events = costs.size("EVENTS", EVENTS)
    with migrated(place, folder) as surroundings, queue_of_our_own(place) as own:
        command = [
            sys.executable,
            "-m",
            "benchmarks.workers_inside",
            *map(str, (RULES, events, costs.size("WORKER_ROUNDS", ROUNDS))),
        ]
        done = subprocess.run(
            command, cwd=processes.ROOT, env=surroundings | own, stdout=subprocess.PIPE, text=True, check=True
        )
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    figures: dict[str, float] = {}
    for count in ("1", "2"):
        figures |= costs.spread(f"{count} at work: events a second", [one[count]["events a second"] for one in rounds])
        cores = [one[count]["PostgreSQL, cores"] for one in rounds]
        figures[f"{count} at work: PostgreSQL's CPU, cores"] = statistics.median(cores)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    name = "2 workers / 1" if cores >= JUDGED_FROM else f"2 workers / 1, on {cores} cores"
    speeds = [[one[count]["events a second"] for one in rounds] for count in ("2", "1")]
    return figures | costs.spread(name, costs.over(*speeds))


@contextlib.contextmanager
def queue_of_our_own(place: Place) -> Iterator[dict[str, str]]:
    name = f"{servers.OURS}_{os.urandom(6).hex()}"
    try:
        yield {
            "CELERY_BROKER_URL": place.redis_url,
            "NEXTMOVE_REDIS_KEY_PREFIX": f"{name}:",
            "NEXTMOVE_QUEUE": name,
        }
    finally:
        servers.forget_keys(place.redis_url, name)
