"""Tasks of the tests' own, whose effects can be counted."""

import itertools
import threading
from collections.abc import Callable

import pytest
from celery import current_app, shared_task

from jobs import running
from jobs.models import Job

made = itertools.count()


class Gateway:
    """Stands outside: what reached it, and how it behaves."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails = False
        self.steps: list[Callable[[], None]] = []
        self.worked = threading.Event()
        self.stop = threading.Event()


gateway = Gateway()


@shared_task(name="tests.work")
def work(number: int) -> dict[str, int]:
    gateway.calls.append(f"work {number}")
    gateway.worked.set()
    if gateway.fails:
        # An effect in the database, which the failure must take back.
        Job.objects.filter(name="tests.work").update(error="half done")
        raise RuntimeError("no luck")
    return {"number": number}


@shared_task(name="tests.call", external=True)
def call(number: int, key: str) -> dict[str, int]:
    gateway.calls.append(key)
    if gateway.fails:
        raise RuntimeError("no luck")
    return {"number": number}


@shared_task(name="tests.call_slowly", external=True, lane="tests")
def call_slowly(number: int, key: str) -> dict[str, bool]:
    """Answers only when other work was done meanwhile; then there is nothing left to do."""
    done = gateway.worked.wait(20)
    gateway.stop.set()
    return {"others_worked": done}


@shared_task(name="tests.walk", external=True, in_steps=True)
def walk(number: int, key: str) -> dict[str, int]:
    for step in gateway.steps:
        running.next_step()
        step()
    gateway.calls.append(key)
    return {"number": number}


@pytest.fixture(name="gateway")
def fresh_gateway() -> Gateway:
    vars(gateway).update(vars(Gateway()))
    assert {"tests.work", "tests.call"} <= set(current_app.tasks)
    return gateway
