"""Tasks of the tests' own, whose effects can be counted."""

import itertools

import pytest
from celery import current_app, shared_task

from jobs.models import Job

made = itertools.count()


class Gateway:
    """Stands outside: what reached it, and how it behaves."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails = False


gateway = Gateway()


@shared_task(name="tests.work")
def work(number: int) -> dict[str, int]:
    gateway.calls.append(f"work {number}")
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


@pytest.fixture(name="gateway")
def fresh_gateway() -> Gateway:
    gateway.calls, gateway.fails = [], False
    assert {"tests.work", "tests.call"} <= set(current_app.tasks)
    return gateway
