"""What a round of all sweeps costs when nothing is due: 10,000 contacts beside 1,000,000, each with 200 rules."""

import contextlib
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from benchmarks import costs
from benchmarks.places import Place, python_in
from tests import processes, servers

SMALL, LARGE = 10_000, 1_000_000
BLOCKS, ROUNDS = 12, 25

FILL = """
from django.db import connection, transaction
from django.utils import timezone
from tests import volume
with transaction.atomic():
    volume.fill({contacts}, now=timezone.now())
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
"""

ASK = """
import time
from django.db import connection
from django.utils import timezone
from automation import calendar_changes, engine, sweeps
from jobs import relay
from people.models import Team
team = Team.objects.filter(contacts__isnull=False).order_by("pk").first()

def ask():
    now = timezone.now()
    assert sweeps.due_teams(now) == engine.pending_teams(now) == []
    assert calendar_changes.teams(now) == [team.pk]
    assert sweeps.run(team.pk, now=now) == {{}}
    assert calendar_changes.follow(team.pk, now=now) == {{"derived": 0}}
    assert not any(sweeps.lags(now).values())
    relay.relay(now=now)

def run_all():
    for sweep in sweeps.SWEEPS:
        sweep.run(team.pk, timezone.now())
    engine.drain(team.pk, now=timezone.now())

for _ in range(3):
    ask(), run_all()
print("ready", flush=True)
import sys
for line in sys.stdin:
    taken = []
    for step in (ask, run_all):
        started = time.perf_counter()
        for _ in range({rounds}):
            step()
        taken.append(1000 * (time.perf_counter() - started) / {rounds})
    print(*taken, flush=True)
"""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Milliseconds of a round, asking who has something due and running every sweep all the same; and how much longer
    both take on the large table, over paired blocks.
    """
    with contextlib.ExitStack() as stack:
        asked = [stack.enter_context(asking(place, folder, contacts)) for contacts in (SMALL, LARGE)]
        pairs = []
        for block in range(BLOCKS):
            order = (0, 1) if block % 2 else (1, 0)
            times = {which: one_block(asked[which]) for which in order}
            pairs.append((times[0], times[1]))
    figures = {}
    for place_of, name in enumerate(("who is due", "all sweeps")):
        small, large = [[pair[size][place_of] for pair in pairs] for size in (0, 1)]
        figures |= {
            f"{name}: 10k, ms": statistics.median(small),
            f"{name}: 1M, ms": statistics.median(large),
            **costs.spread(f"{name}: 1M / 10k", costs.over(large, small)),
        }
    return figures


@contextlib.contextmanager
def asking(place: Place, folder: Path, contacts: int) -> Iterator["subprocess.Popen[str]"]:
    """A process that measures a block for each line it is sent, on a database of its own with so many contacts."""
    name = f"{servers.OURS}_{uuid.uuid4().hex[:12]}"
    own = {}
    if place.database_server:
        own["NEXTMOVE_DATABASE_URL"] = servers.create_database(place.database_server, name)
    surroundings = processes.environment(folder / f"{contacts}", **own)
    try:
        migrate = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(migrate, cwd=processes.ROOT, env=surroundings, check=True)
        python_in(surroundings, FILL.format(contacts=contacts))
        process = subprocess.Popen(
            [sys.executable, "-c", f"import celery_app\n{ASK.format(rounds=ROUNDS)}"],
            cwd=processes.ROOT,
            env=surroundings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the process that measures ended early")
            yield process
            assert process.stdin is not None
            process.stdin.close()
    finally:
        if place.database_server:
            servers.drop_databases(place.database_server, name)


def one_block(process: "subprocess.Popen[str]") -> list[float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return [float(word) for word in process.stdout.readline().split()]
