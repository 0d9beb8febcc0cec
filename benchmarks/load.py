"""How many webhooks a second are taken for a minute with nothing lost, and whether memory stays flat for half an hour.

`python -m benchmarks.load` asks for as much as is taken; with `--soak` it sends ten a second for thirty minutes. Each
webhook is one click of one contact, for which one of twenty rules makes a task. The clients run beside the servers, on
the same cores.
"""

import argparse
import http.client
import itertools
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.places import Place, python_in, reachable, serving
from tests.processes import Site

SECONDS, CLIENTS = 60.0, 4
SOAK_SECONDS, SOAK_RATE = 1800.0, 10.0
SAMPLES = 60
"""So often memory is looked at."""

CONTACTS = 5_000
"""A rule is stopped for a contact for whom it fires ten times within an hour."""
PREPARE = """
from crm.models import Contact
from tests import builders
manager = builders.make_manager()
builders.make_rule(manager, repeat_policy="every_time", burst=0, trigger_config={{"activity_types": ["email_clicked"]}})
for _ in range(19):
    builders.make_rule(manager, trigger_config={{"activity_types": ["form_submitted"]}})
Contact.objects.bulk_create(
    Contact(owner=manager, team=manager.team, name=str(number), email=f"load{{number}}@example.com")
    for number in range({contacts})
)
print(builders.make_source(manager.team).secret)
"""
COUNT = """
import time
from django.utils import timezone
from automation.models import Firing
from crm.models import Activity
from jobs.models import Job
from work.models import Task

began = time.monotonic()
clicks = Activity.objects.filter(activity_type="email_clicked")
def waits():
    due = Job.objects.filter(state=Job.PENDING, run_at__lte=timezone.now())
    return clicks.filter(processed_at=None).exists() or due.exists()
while waits() and time.monotonic() - began < 1800:
    time.sleep(0.5)
fired = Firing.objects.filter(outcome=Firing.FIRED)
print(time.monotonic() - began, clicks.count(), fired.count(), Task.objects.count())
"""


@dataclass
class Clients:
    """Post clicks with ids of their own over connections that stay open, at most `rate` a second when that is said."""

    site: Site
    path: str
    seconds: float
    rate: float | None = None
    taken: list[float] = field(default_factory=list)
    """How long each waited for its 2xx, in seconds."""
    refused: list[str] = field(default_factory=list)

    def run(self) -> float:
        """Answers in how many seconds."""
        numbers = itertools.count()
        self.began = time.monotonic()
        threads = [threading.Thread(target=self._post, args=(numbers,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - self.began

    def _post(self, numbers: Iterator[int]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        while (late := time.monotonic() - self.began) < self.seconds:
            number = next(numbers)
            if self.rate is not None:
                time.sleep(max(0.0, number / self.rate - late))
            event = {
                "email": f"load{number % CONTACTS}@example.com",
                "event": "click",
                "timestamp": int(time.time()),
                "sg_event_id": f"load-{number}",
                "url": "https://example.com/",
            }
            started = time.perf_counter()
            connection.request("POST", self.path, json.dumps([event]), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status < 300:
                self.taken.append(time.perf_counter() - started)
            else:
                self.refused.append(f"{answer.status} {said[:200]!r}")


def measure(
    place: Place, folder: Path, *, seconds: float = SECONDS, rate: float | None = None, application: str = "config.wsgi"
) -> dict[str, float]:
    """Rates, milliseconds, and megabytes of web and jobs together; `lost` and `doubled` count events and tasks."""
    with serving(place, folder, f"{application}:application") as site:
        path = f"/hooks/mail/sendgrid/{python_in(site.environment, PREPARE.format(contacts=CONTACTS)).strip()}"
        clients = Clients(site, path, seconds, rate)
        with Memory(seconds) as memory:
            lasted = clients.run()
        if clients.refused:
            raise RuntimeError(f"{len(clients.refused)} were refused, as with {clients.refused[0]}")
        drained, *counts = (float(word) for word in python_in(site.environment, COUNT).split())
    posted = len(clients.taken)
    cuts = statistics.quantiles(clients.taken, n=100)
    return {
        "webhooks taken": posted,
        "webhooks a second": posted / lasted,
        "p50 ms": 1000 * cuts[49],
        "p95 ms": 1000 * cuts[94],
        "p99 ms": 1000 * cuts[98],
        "max ms": 1000 * max(clients.taken),
        "lost": sum(max(0, posted - count) for count in counts),
        "doubled": sum(max(0, count - posted) for count in counts),
        "all done after, s": drained,
        "memory MB": memory.last_third,
        "memory: last / middle third": memory.last_third / memory.middle_third,
    }


class Memory:
    """What all processes of ours take, looked at while it is open."""

    def __init__(self, seconds: float) -> None:
        self.pause, self.samples, self.ended = seconds / SAMPLES, list[float](), threading.Event()
        self.thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Memory":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _look(self) -> None:
        while not self.ended.wait(self.pause):
            children = psutil.Process().children(recursive=True)
            self.samples.append(sum(child.memory_full_info().pss for child in children) / 2**20)

    @property
    def middle_third(self) -> float:
        third = len(self.samples) // 3
        return statistics.median(self.samples[third : 2 * third])

    @property
    def last_third(self) -> float:
        return statistics.median(self.samples[2 * (len(self.samples) // 3) :])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soak", action="store_true", help="ten a second for thirty minutes")
    parser.add_argument("--seconds", type=float)
    asked = parser.parse_args()
    seconds = asked.seconds or (SOAK_SECONDS if asked.soak else SECONDS)
    with reachable() as (places, missing), tempfile.TemporaryDirectory(prefix="nextmove-load-") as folder:
        for number, place in enumerate(places):
            figures = measure(
                place, Path(folder) / str(number), seconds=seconds, rate=SOAK_RATE if asked.soak else None
            )
            print(f"\n{place.name}, {seconds:g} s", flush=True)
            for name, value in figures.items():
                print(f"  {name:34} {value:11.3f}", flush=True)
        for words in missing:
            print(f"not measured: {words}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
