"""`complete` against a bare view that does one UPDATE, request by request, with the automation at work behind.

All that completing sets off runs meanwhile, and beside it events come in for which rules make tasks.
"""

import contextlib
import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import costs
from benchmarks.places import Place, python_in, serving
from tests.processes import Site

REQUESTS, WARM_UP = 300, 30
ENOUGH = 10_000
"""Fewer requests say too little about the slowest hundredth: it is judged from here on."""
EVENTS, EVERY_SECONDS, CONTACTS = 25, 0.5, 1_000
"""So many events come in at once, so often, each of another contact."""
EACH = 40
"""Follow-ups that a rep holds."""

PREPARE = """
from crm.models import Contact
from django.utils import timezone
from people import tokens
from people.models import User
from tests import builders
from work import lifecycle
now = timezone.now()
manager = builders.make_manager()
clicks = {{"activity_types": ["email_clicked"]}}
builders.make_rule(manager, trigger_config=clicks, repeat_policy="every_time", burst=0)
Contact.objects.bulk_create(
    Contact(owner=manager, team=manager.team, name=str(n), email=f"event{{n}}@example.com") for n in range({contacts})
)
print("sender", builders.make_token(manager))
for number in range({people}):
    user = User.objects.create_user(f"bench{{number}}")
    for n in range({each}):
        task = lifecycle.create(user.team, title=f"Task {{n}}", owner=user, now=now, estimated_hours=1)
        lifecycle.assign(task, user, by=user, now=now, method="manual")
        print(tokens.issue(user, name="bench", now=now)[1] if n == 0 else "", user.pk, task.pk)
"""

MADE = """
from work.models import Task
print(Task.objects.filter(kind__startswith="rule:").count())
"""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """p50 and p99 in milliseconds, and the ratios of both; of p99, judged after enough requests."""
    requests = costs.size("REQUESTS", REQUESTS)
    times: dict[str, list[float]] = {"plain": [], "bare": [], "complete": []}
    with serving(place, folder, "benchmarks.wsgi:application") as site:
        sender, work = prepare(site, requests + WARM_UP)
        connection = http.client.HTTPConnection("127.0.0.1", site.port)
        with Events(site, sender) as events:
            for index, (number, token) in enumerate(work):
                headers = {"Authorization": f"Bearer {token}"}
                paths = {
                    "plain": f"/plain/{number}",
                    "bare": f"/automation/bare/{number}",
                    "complete": f"/automation/tasks/{number}/complete",
                }
                # Every order in turn: the one that comes after a completion meets the jobs it set off.
                order = list(paths)[index % 3 :] + list(paths)[: index % 3]
                for name in order if index % 2 else reversed(order):
                    times[name].append(request(connection, paths[name], headers))
        made = float(python_in(site.environment, MADE))
    if not made:
        raise RuntimeError(f"no task was made meanwhile of {events.sent} events")
    measured = {name: values[WARM_UP:] for name, values in times.items()}
    p50 = {name: statistics.median(values) for name, values in measured.items()}
    p99 = {name: statistics.quantiles(values, n=100)[98] for name, values in measured.items()}
    many = "" if requests >= ENOUGH else f" of {requests:,}"
    return {
        "plain p50 ms": p50["plain"],
        "bare p50 ms": p50["bare"],
        "complete p50 ms": p50["complete"],
        "complete / bare p50": p50["complete"] / p50["bare"],
        "complete / plain p50": p50["complete"] / p50["plain"],
        "bare p99 ms": p99["bare"],
        "complete p99 ms": p99["complete"],
        f"complete / bare p99{many}": p99["complete"] / p99["bare"],
        "events meanwhile": events.sent,
        "tasks made of them meanwhile": made,
    }


class Events:
    """Sends events while it is open, over a connection of its own."""

    def __init__(self, site: Site, token: str) -> None:
        self.site, self.token, self.sent = site, token, 0
        self.ended, self.refused = threading.Event(), ""
        self.thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Events":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        if self.refused:
            raise RuntimeError(self.refused)

    def _send(self) -> None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)) as connection:
            while not self.ended.wait(EVERY_SECONDS):
                numbers = range(self.sent, self.sent + EVENTS)
                said = [
                    {"contact_email": f"event{n % CONTACTS}@example.com", "activity_type": "email_clicked"}
                    for n in numbers
                ]
                connection.request("POST", "/api/activities", json.dumps(said), headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 202 or json.loads(text)["accepted"] != EVENTS:
                    self.refused = f"events were refused: {answer.status} {text[:300]!r}"
                    return
                self.sent += EVENTS


def prepare(site: Site, count: int) -> tuple[str, list[tuple[int, str]]]:
    """The token that sends events, and task ids with the token of whoever holds them, person after person in turn."""
    people = -(-count // EACH)
    said = python_in(site.environment, PREPARE.format(people=people, each=EACH, contacts=CONTACTS)).splitlines()
    return said[0].split()[1], list(_in_turn(said[1:]))[:count]


def _in_turn(lines: list[str]) -> Iterator[tuple[int, str]]:
    tokens: dict[str, str] = {}
    tasks: dict[str, list[int]] = {}
    for line in lines:
        *token, person, task = line.split()
        tokens.update({person: token[0]} if token else {})
        tasks.setdefault(person, []).append(int(task))
    for n in range(EACH):
        for person, held in tasks.items():
            yield held[n], tokens[person]


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
