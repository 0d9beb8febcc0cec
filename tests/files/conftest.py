"""A team with one of each role, who bring in files and take them out."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from crm.files import imports
from crm.files.models import Import
from jobs import running
from jobs.models import Job
from tests.api.conftest import Caller, World, world

__all__ = ["World", "world"]

CSV = "text/csv"
Bring = Callable[..., dict[str, Any]]


def upload(caller: Caller, data: bytes | str, kind: str = "contacts", media: str = CSV, **query: Any) -> HttpResponse:
    sent = data.encode() if isinstance(data, str) else data
    words = "&".join(f"{name}={value}" for name, value in {"kind": kind, **query}.items())
    return caller.client.generic("POST", f"/api/imports?{words}", data=sent, content_type=media, headers=caller.headers)


def run_jobs() -> int:
    """Runs the jobs of imports as they are due, to their end; how many there were."""
    from celery import current_app

    done = 0
    while jobs := list(Job.objects.filter(state=Job.PENDING, name__contains="_import", run_at__lte=timezone.now())):
        for job in jobs:
            task = current_app.tasks[job.name]
            running.run(job.pk, task.run, external=task.external, in_steps=task.in_steps)
            done += 1
    return done


def bring_in(caller: Caller, data: bytes | str, kind: str = "contacts", media: str = CSV, **query: Any) -> Any:
    """Uploads and carries out; the import as it is then told."""
    response = upload(caller, data, kind, media, **query)
    assert response.status_code == 201, response.content
    address = f"/api/imports/{response.json()['id']}"
    run_jobs()
    begun = caller.post(f"{address}/run")
    assert begun.status_code == 202, begun.content
    run_jobs()
    found = json.loads(caller.get(address).content)
    assert found["state"] == Import.DONE, found
    assert found["done_rows"] == found["rows"] == sum(found["counts"].values())
    return found


def counted(found: dict[str, Any]) -> dict[str, int]:
    return {verdict: count for verdict, count in found["counts"].items() if count}


@pytest.fixture
def parts_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are many parts."""
    monkeypatch.setattr(imports, "PART", 3)
