"""Writing jobs: a row in the transaction of its cause, and a message after the commit."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.db import connections, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from jobs import broker, hooks, pruning
from jobs.models import Job
from jobs.rows import insert_new

GRACE = timedelta(seconds=30)
"""How long a published message may take before the relay publishes the row again."""
CANCELLED = "It was cancelled before it ran."
KEEP_DONE = timedelta(days=30)
NAMESPACE = uuid.UUID("6f1d7f0c-0c1c-5f2e-9d3e-6e6578746d76")


@dataclass(frozen=True)
class Request:
    """A job to be written. `key` says what the effect is; the same key twice is one job."""

    name: str
    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    job_id: uuid.UUID | None = None
    run_at: datetime | None = None
    team_id: int | None = None
    user_id: int | None = None


def job_id(key: str) -> uuid.UUID:
    """The id follows from the key, so whoever knows the effect knows its job without asking the database."""
    return uuid.uuid5(NAMESPACE, key)


def enqueue(*requests: Request, now: datetime) -> list[uuid.UUID]:
    """Writes the jobs, inside the business transaction, and returns their ids; a key seen before changes nothing."""
    rows = [_row(request, now) for request in requests]
    insert_new(rows)
    ready = [row for row in rows if row.run_at <= now]
    if ready and broker.configured():
        transaction.on_commit(lambda: _publish(ready), robust=True)
    return [row.id for row in rows]


def _row(request: Request, now: datetime) -> Job:
    fresh = request.job_id or uuid.uuid4()
    run_at = request.run_at or now
    published = broker.configured() and run_at <= now
    return Job(
        id=job_id(request.key) if request.key else fresh,
        key=request.key or str(fresh),
        name=request.name,
        args=list(request.args),
        kwargs=request.kwargs,
        run_at=run_at,
        send_at=run_at + GRACE if published else run_at,
        team_id=request.team_id,
        user_id=request.user_id,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        created_at=now,
    )


def _publish(rows: list[Job]) -> None:
    """After the commit, beside the request."""
    broker.post(*[broker.Message(row.name, row.args, row.kwargs, str(row.id), partial(_lost, row)) for row in rows])


def _lost(row: Job) -> None:
    """What the broker did not take is due at once, for a relay or a runner that stands in."""
    Job.objects.filter(pk=row.pk, state=Job.PENDING, attempt=0).update(send_at=F("run_at"))
    connections.close_all()  # the posting thread's own


def publish(row: Job) -> bool:
    """The task's real name and arguments, under the row's id."""
    return broker.publish(row.name, row.args, row.kwargs, task_id=str(row.id))


def cancel(job: Job, *, now: datetime) -> bool:
    """Keeps a job that waits from running; False when it runs already, or is over.

    A compare-and-set: whoever claims it at the same moment either comes first, and this says False, or finds nothing.
    """
    with transaction.atomic():
        waiting = Job.objects.filter(pk=job.pk, state=Job.PENDING, started_at__isnull=True)
        if not waiting.update(state=Job.REVOKED, error=CANCELLED, done_at=now):
            return False
        job.refresh_from_db()
        for callback in hooks.over_callbacks:
            callback(job, now)
    return True


def retry(job: Job, *, now: datetime) -> bool:
    """Runs a dead job again, from its first try, and a cancelled one when it was to run; False for any other."""
    with transaction.atomic():
        found = Job.objects.filter(pk=job.pk)
        fresh: dict[str, Any] = {"retries": 0, "crashes": 0, "started_at": None, "run_at": now, "send_at": now}
        if not (
            found.filter(state=Job.DEAD).update(state=Job.PENDING, **fresh)
            or found.filter(state=Job.REVOKED).update(
                state=Job.PENDING, error="", done_at=None, send_at=Greatest("run_at", now)
            )
        ):
            return False
        for callback in hooks.again_callbacks:
            callback(job, now)
        transaction.on_commit(lambda: _publish([job]), robust=True)
    return True


def prune(*, now: datetime) -> int:
    """Deletes what was done or cancelled over 30 days ago; the unique keys of the domain keep those effects single."""
    before = now - KEEP_DONE
    cancelled = Job.objects.filter(state=Job.REVOKED, created_at__lt=before, done_at__lt=before)
    return pruning.prune(Job.objects.filter(state=Job.DONE, done_at__lt=before)) + pruning.prune(cancelled)
