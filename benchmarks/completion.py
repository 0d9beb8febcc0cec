"""`complete` against a bare view that does one UPDATE, request by request, with the jobs running behind."""

import http.client
import json
import statistics
import time
from pathlib import Path

from benchmarks.places import Place, python_in, serving
from tests.processes import Site

ROUNDS = 300
WARM_UP = 30

PREPARE = """
from django.utils import timezone
from people import tokens
from people.models import User
from work import lifecycle
now = timezone.now()
for number in range({people}):
    user = User.objects.create_user(f"bench{{number}}")
    for n in range({each}):
        task = lifecycle.create(user.team, title=f"Task {{n}}", owner=user, now=now, estimated_hours=1)
        lifecycle.assign(task, user, by=user, now=now, method="manual")
        print(tokens.issue(user, name="bench", now=now)[1] if n == 0 else "", user.pk, task.pk)
"""
PEOPLE = 8
"""A team of reps with some forty follow-ups each."""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """p50 and p99 in milliseconds, and the ratios of the medians."""
    count = ROUNDS + WARM_UP
    times: dict[str, list[float]] = {"plain": [], "bare": [], "complete": []}
    with serving(place, folder, "benchmarks.wsgi:application") as site:
        connection = http.client.HTTPConnection("127.0.0.1", site.port)
        for index, (number, token) in enumerate(prepare(site, count)):
            headers = {"Authorization": f"Bearer {token}"}
            paths = {
                "plain": f"/plain/{number}",
                "bare": f"/bare/{number}",
                "complete": f"/automation/tasks/{number}/complete",
            }
            # Every order in turn: the one that comes after a completion meets the jobs it set off.
            order = list(paths)[index % 3 :] + list(paths)[: index % 3]
            for name in order if index % 2 else reversed(order):
                times[name].append(request(connection, paths[name], headers))
    measured = {name: values[WARM_UP:] for name, values in times.items()}
    p50 = {name: statistics.median(values) for name, values in measured.items()}
    return {
        "bare p50 ms": p50["bare"],
        "complete p50 ms": p50["complete"],
        "complete / bare p50": p50["complete"] / p50["bare"],
        "complete / plain p50": p50["complete"] / p50["plain"],
        "bare p99 ms": statistics.quantiles(measured["bare"], n=100)[98],
        "complete p99 ms": statistics.quantiles(measured["complete"], n=100)[98],
    }


def prepare(site: Site, count: int) -> list[tuple[int, str]]:
    """Task ids with the token of whoever holds them, person after person in turn."""
    each = -(-count // PEOPLE)
    tokens: dict[str, str] = {}
    tasks: dict[str, list[int]] = {}
    for line in python_in(site.environment, PREPARE.format(people=PEOPLE, each=each)).splitlines():
        *token, person, task = line.split()
        tokens.update({person: token[0]} if token else {})
        tasks.setdefault(person, []).append(int(task))
    return [(tasks[person][n], tokens[person]) for n in range(each) for person in tasks][:count]


def request(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> float:
    body = json.dumps({"actual_hours": 1.5})
    started = time.perf_counter()
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    except BrokenPipeError:  # the server closed a connection that stood idle; nothing was sent
        connection.close()
        return request(connection, path, headers)
    answer = connection.getresponse()
    text = answer.read()
    taken = 1000 * (time.perf_counter() - started)
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {text.decode()[:300]}")
    return taken
