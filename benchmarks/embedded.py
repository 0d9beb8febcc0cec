"""The product on one command: how long an event takes to become a task, and what it costs to have it run."""

import itertools
import json
import statistics
import time
import uuid
from pathlib import Path

import psutil

from tests import processes

EVENTS = 30
TOKENS = 4
"""Asking every few milliseconds would use up what one token may ask in a minute."""
IDLE_SECONDS = 20


def measure(folder: Path) -> dict[str, float]:
    """Seconds from the provider's request to the task; CPU percent at rest and megabytes of all processes together."""
    with processes.serving(folder, demo=True) as site:
        (source,) = site.nextmove("source", "list")
        tokens = itertools.cycle([site.nextmove("token", "create", "admin")["token"] for _ in range(TOKENS)])
        emails = [one["email"] for one in site.get("/api/contacts?limit=200", token=next(tokens))[1]["results"]]
        measured = (event_to_task(site, source["path"], email, next(tokens)) for email in emails)
        delays = list(itertools.islice((delay for delay in measured if delay is not None), EVENTS))
        everything = [psutil.Process(site.process.pid), *psutil.Process(site.process.pid).children(recursive=True)]
        time.sleep(3)
        before = cpu_seconds(everything)
        time.sleep(IDLE_SECONDS)
        idle = cpu_seconds(everything) - before
        memory = sum(process.memory_full_info().pss for process in everything)
    return {
        "event to task p50 s": statistics.median(delays),
        "event to task max s": max(delays),
        "idle CPU %": 100 * idle / IDLE_SECONDS,
        "memory MB": memory / 2**20,
    }


def event_to_task(site: processes.Site, path: str, email: str, token: str) -> float | None:
    """None for a contact whose rule's task is still open: that click rightly makes none."""
    event = {
        "email": email,
        "event": "click",
        "timestamp": int(time.time()),
        "sg_event_id": uuid.uuid4().hex,
        "url": "https://example.com/",
    }
    newest = site.get("/api/tasks?limit=1", token=token)[1]["results"][0]["id"]
    started = time.perf_counter()
    site.post(path, json.dumps([event]).encode())
    while time.perf_counter() - started < 2:
        if site.get("/api/tasks?limit=1", token=token)[1]["results"][0]["id"] > newest:
            return time.perf_counter() - started
        time.sleep(0.02)
    return None


def cpu_seconds(everything: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in everything)
