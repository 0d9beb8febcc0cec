"""What stays as it is, and what grows, as a team comes to 10,000,000 events and 5,000,000 tasks; on PostgreSQL.

The same is done with a tenth of it first. Contacts stay as many: what grows is what happened. Afterwards half of the
jobs and of who held tasks is old, and is cleaned up; and as much comes again.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import costs
from benchmarks.places import Place, migrated
from tests import processes

EVENTS = 1_000_000
"""NEXTMOVE_BENCH_GROWTH=10000000 for all of it, which takes most of an hour."""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Times with a tenth and with all, how many times as long they take, what the cleaning up did, and bytes a row."""
    with migrated(place, folder) as surroundings:
        gather = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
        subprocess.run(gather, cwd=processes.ROOT, env=surroundings, check=True)
        command = [sys.executable, "-m", "benchmarks.growth_inside", str(costs.size("GROWTH", EVENTS))]
        done = subprocess.run(
            command, cwd=processes.ROOT, env=surroundings, stdout=subprocess.PIPE, text=True, check=True
        )
    few, many, rows, cleaned = (json.loads(line) for line in done.stdout.splitlines())
    figures: dict[str, float] = {}
    for name, taken in many.items():
        figures[f"a tenth: {name}"], figures[f"all: {name}"] = few[name], taken
        figures[f"all / a tenth: {name.rpartition(',')[0]}"] = taken / few[name]
    return figures | cleaned | rows
