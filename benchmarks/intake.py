"""500 activities in one request to the API, and the same 500 to a view of Django REST framework in the same server.

Both write the same rows under the same rights, which is asserted; see `benchmarks.drf`. No rules run meanwhile: they
would take the same from both.
"""

import http.client
import itertools
import json
import statistics
import time
from pathlib import Path

import psutil

from benchmarks import costs
from benchmarks.places import Place, python_in, serving
from tests.processes import Site

ROUNDS, EACH = 12, 500
PATHS = {"own": "/api/activities", "DRF many=True": "/api/drf/activities"}

PREPARE = """
import json
from django.utils import timezone
from crm.models import Contact
from tests import builders
user = builders.make_user()
Contact.objects.bulk_create(
    Contact(owner=user, team=user.team, name=str(n), email=f"intake{{n}}@example.com") for n in range({each})
)
other = builders.make_contact(builders.make_user(team=user.team)).pk
contacts = list(Contact.objects.filter(owner=user).order_by("pk").values_list("pk", flat=True))
print(json.dumps([builders.make_token(user, scopes=("activities:write",)), contacts, other]))
"""

SAME = """
from crm.models import Activity
alike = ("team_id", "contact_id", "activity_type", "occurred_at", "source", "origin", "signal", "data", "processed_at")
alike += ("task_id", "actor_id", "dismissed_at", "content_hash")
def rows(name):
    return list(Activity.objects.filter(source_key__startswith=f"{{name}}-").order_by("source_key").values_list(*alike))
own, drf = rows("own"), rows("DRF many=True")
assert len(own) == {count}, f"{{len(own)}} rows, not {count}"
assert own == drf, [pair for pair in zip(own, drf) if pair[0] != pair[1]][:1]
"""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Milliseconds of a request, activities a second, and how many times as long the framework takes."""
    rounds = costs.size("INTAKE_ROUNDS", ROUNDS)
    taken: dict[str, list[float]] = {name: [] for name in PATHS}
    cpu: dict[str, list[float]] = {name: [] for name in PATHS}
    with serving(place, folder, "benchmarks.wsgi:application", jobs=False) as site:
        token, contacts, other = json.loads(python_in(site.environment, PREPARE.format(each=EACH)))
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)
        for name in PATHS:
            refuses(connection, name, token, other)
        for number in range(rounds + 1):
            for name in list(PATHS) if number % 2 else reversed(PATHS):
                before = server_seconds(site)
                seconds = post(connection, name, token, activities(name, number, contacts))
                if number:  # the first one warms up
                    taken[name].append(seconds)
                    cpu[name].append(server_seconds(site) - before)
        python_in(site.environment, SAME.format(count=(rounds + 1) * EACH))
    figures: dict[str, float] = {}
    for name, seconds in taken.items():
        figures |= costs.spread(f"{name}: 500 at once, ms", [1000 * one for one in seconds])
        figures[f"{name}: activities a second"] = EACH / statistics.median(seconds)
        figures[f"{name}: the web server's CPU, ms"] = 1000 * statistics.mean(cpu[name])
    own, usual = taken.values()
    figures |= costs.spread("DRF many=True / own, 500 at once", costs.over(usual, own))
    # Over all rounds: the clock of a process is coarse for one request.
    figures["the same by the web server's CPU"] = sum(cpu["DRF many=True"]) / sum(cpu["own"])
    return figures


def server_seconds(site: Site) -> float:
    everything = [psutil.Process(site.process.pid), *psutil.Process(site.process.pid).children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in everything)


def activities(name: str, number: int, contacts: list[int]) -> bytes:
    said = [
        {
            "contact_id": contact,
            "activity_type": "form_submitted",
            "occurred_at": f"2026-{1 + number % 9:02}-{1 + place % 28:02}T12:00:00Z",
            "source": "bench",
            "source_key": f"{name}-{number:03}-{place:03}",
            "data": {"campaign": f"c{place % 10}", "form": {"name": "Demo", "fields": [place, number]}},
        }
        for place, contact in zip(range(EACH), itertools.cycle(contacts))
    ]
    return json.dumps(said).encode()


def post(connection: http.client.HTTPConnection, name: str, token: str, body: bytes) -> float:
    """Seconds until it was answered that all were taken."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    started = time.perf_counter()
    connection.request("POST", PATHS[name], body, headers)
    answer = connection.getresponse()
    said = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != 202 or json.loads(said)["accepted"] != EACH:
        raise RuntimeError(f"{name}: {answer.status} {said[:300]!r}")
    return seconds


def refuses(connection: http.client.HTTPConnection, name: str, token: str, other: int) -> None:
    """Whether a colleague's contact, and an unknown token, are refused on either way."""
    body = json.dumps([{"contact_id": other, "activity_type": "form_submitted", "source_key": "refused"}])
    for secret, wanted in ((token, (202, 400)), ("nm_unknown", (401,))):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        connection.request("POST", PATHS[name], body, headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        if answer.status not in wanted or (isinstance(said, dict) and said.get("accepted")):
            raise RuntimeError(f"{name} took what it must refuse: {answer.status} {said}")
