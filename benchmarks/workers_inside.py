"""Inside a process with a database and a queue of its own: two teams' events, done by one worker and by two.

`python -m benchmarks.workers_inside RULES EVENTS ROUNDS` prints one JSON line a round. The workers are the product's,
one process each, started before the clock; their teams' bells start them, as they do when events come in. How many
rows came of it is asserted.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from django.db import connection

import celery_app
from benchmarks import engine_inside
from crm.models import Activity
from jobs import bell
from people.models import Team
from tests import processes

TEAMS = 2
WORKER = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-c", "1", "--loglevel=warning"]


def one_run(workers: int, rules: int, events: int) -> dict[str, float]:
    engine_inside.clear()
    engine_inside.offer(events, rules)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nextmove-bench-")))
        for number in range(workers):
            process = subprocess.Popen(
                [*WORKER, f"--hostname=bench{number}@local"],
                cwd=processes.ROOT,
                stdout=stack.enter_context((folder / str(number)).open("wb")),
                stderr=subprocess.STDOUT,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        processes.until(lambda: _answering() == workers, seconds=60, why="the workers did not answer")
        before, started = _postgres_seconds(), time.perf_counter()
        for team in Team.objects.filter(rules__isnull=False).distinct().order_by("pk"):
            bell.ring(team.pk)
        while Activity.objects.unprocessed().exists():
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        cpu = _postgres_seconds() - before
    engine_inside.expect(events)
    return {"events a second": events / seconds, "PostgreSQL, cores": cpu / seconds}


def _answering() -> int:
    return len(celery_app.celery_app.control.ping(timeout=0.5))


def _postgres_seconds() -> float:
    """CPU of all the server's processes that there are now."""
    found = 0.0
    for process in psutil.process_iter(["name"]):
        if (process.info["name"] or "").startswith("postgres"):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += sum(process.cpu_times())
    return found


def main(rules: int, events: int, rounds: int) -> None:
    engine_inside.fill(TEAMS, rules, events)
    engine_inside.settle_down(rules, events)
    for number in range(rounds + 1):
        order = (1, 2) if number % 2 else (2, 1)
        measured = {str(workers): one_run(workers, rules, events) for workers in order}
        if number:  # the first one warms up
            print(json.dumps(measured), flush=True)
    connection.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
