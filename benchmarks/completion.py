"""`complete` against a bare view that does one UPDATE, request by request, with the jobs running behind."""

import http.client
import json
import statistics
import time
from pathlib import Path

from benchmarks.places import Place, python_in, serving

ROUNDS = 300
WARM_UP = 30

PREPARE = """
from django.utils import timezone
from people import tokens
from people.models import User, Team
from work import lifecycle
from assignment import dispatch
now = timezone.now()
user = User.objects.create_user("bench", role="member")
for n in range({count}):
    task = lifecycle.create(user.team, title=f"Task {{n}}", owner=user, now=now, estimated_hours=1)
    lifecycle.assign(task, user, by=user, now=now, method="manual")
print(tokens.issue(user, name="bench", now=now)[1])
"""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """p50 and p99 of both in milliseconds, and the ratio of the medians."""
    count = ROUNDS + WARM_UP
    with serving(place, folder, "benchmarks.wsgi:application") as site:
        token = python_in(site.environment, PREPARE.format(count=count)).split()[-1]
        connection = http.client.HTTPConnection("127.0.0.1", site.port)
        bare: list[float] = []
        real: list[float] = []
        for number in range(1, count + 1):
            pair = [
                (bare, f"/bare/{number}", {}),
                (real, f"/automation/tasks/{number}/complete", {"Authorization": f"Bearer {token}"}),
            ]
            for times, path, headers in pair if number % 2 else reversed(pair):
                times.append(request(connection, path, headers))
    bare, real = bare[WARM_UP:], real[WARM_UP:]
    return {
        "bare p50 ms": statistics.median(bare),
        "complete p50 ms": statistics.median(real),
        "ratio p50": statistics.median(real) / statistics.median(bare),
        "bare p99 ms": statistics.quantiles(bare, n=100)[98],
        "complete p99 ms": statistics.quantiles(real, n=100)[98],
    }


def request(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> float:
    body = json.dumps({"actual_hours": 1.5})
    started = time.perf_counter()
    connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    text = answer.read()
    taken = 1000 * (time.perf_counter() - started)
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {text.decode()[:300]}")
    return taken
