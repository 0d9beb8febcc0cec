"""Running one job: claimed by compare-and-set, done in the transaction of its effects.

A process may be killed at any line. Before the commit nothing happened and the row is looked at again; after it the row
says done and every other delivery leaves.
"""

import logging
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from jobs import hooks, queue
from jobs.models import Job

log = logging.getLogger("nextmove.jobs")

LEASE = timedelta(seconds=300)
"""How long a call to the outside may take; above Celery's task_time_limit."""
FIRST_WAIT = timedelta(seconds=60)
MAX_RETRIES = 3
MAX_CRASHES = 5
"""A job whose process ended this often before it did is taken for the cause."""

Handler = Callable[..., Any]
_in_steps: ContextVar[tuple[Job, timedelta] | None] = ContextVar("in_steps", default=None)
"""The job that works in steps here, and for how long each step leases it."""


class Lost(Exception):
    """Another delivery of the same job was faster; raised to roll this one back, never seen outside."""


def wait_after(retries: int) -> timedelta:
    """60 s x 2^retries: 60, 120, 240."""
    return FIRST_WAIT * 2**retries


def run(
    job_id: uuid.UUID, handler: Handler, *, external: bool, in_steps: bool = False, grace: timedelta = queue.GRACE
) -> Any:
    """Executes a job at most once, whatever number of times and places call this.

    `external` and `in_steps` are explained at `jobs.tasks.JobTask`. Returns the handler's result, or {"skipped": why}.
    A failure is written down, then raised again.
    """
    now = timezone.now()
    job = Job.objects.filter(pk=job_id, state=Job.PENDING, run_at__lte=now).first()
    if job is None:
        return {"skipped": "done, dead or not due"}
    if job.started_at is not None and job.crashes + 1 >= MAX_CRASHES:
        _give_up(job, f"its process ended {MAX_CRASHES} times while running it", now)
        return {"skipped": "dead"}
    pause = LEASE if external and not in_steps else grace
    if not _claim(job, now, pause, external=external):
        return {"skipped": "taken by another"}
    # What the handler logs carries them, and the jobs that it writes come of the same request.
    with structlog.contextvars.bound_contextvars(job=str(job.pk), job_name=job.name, request_id=job.request_id):
        try:
            if in_steps:
                return _run_in_steps(job, handler, pause)
            return _run_outside(job, handler) if external else _run_inside(job, handler)
        except Lost:
            return {"skipped": "taken by another"}
        except Exception as error:
            log.warning("job failed", exc_info=True)
            _fail(job, repr(error)[:2000], timezone.now())
            raise


def _claim(job: Job, now: datetime, pause: timedelta, *, external: bool) -> bool:
    """Marks the start and takes the fencing token. A row that was started and never ended counts a crash."""
    # Still due: who works in steps may have taken its next one meanwhile.
    changed = Job.objects.filter(pk=job.pk, state=Job.PENDING, attempt=job.attempt, run_at__lte=now).update(
        attempt=F("attempt") + 1,
        crashes=F("crashes") + (1 if job.started_at is not None else 0),
        started_at=now,
        send_at=now + pause,
        # Only a call to the outside is leased: two of them at once would be two calls.
        run_at=now + pause if external else job.run_at,
    )
    job.attempt += 1
    return bool(changed)


def _mine(job: Job) -> Any:
    return Job.objects.filter(pk=job.pk, state=Job.PENDING, attempt=job.attempt)


def _run_inside(job: Job, handler: Handler) -> Any:
    """Effects and `done` are one transaction; the row lock makes a second delivery wait, then leave."""
    with transaction.atomic():
        if not _mine(job).update(state=Job.DONE, done_at=timezone.now(), error=""):
            raise Lost
        result = handler(*job.args, **job.kwargs)
        if result is not None:
            Job.objects.filter(pk=job.pk).update(result=result)
        return result


def _run_outside(job: Job, handler: Handler) -> Any:
    """The call itself stands outside any transaction, under the lease, with the key as idempotency key."""
    result = handler(*job.args, **job.kwargs, key=job.key)
    if not _mine(job).update(state=Job.DONE, done_at=timezone.now(), result=result, error=""):
        raise Lost
    return result


def _run_in_steps(job: Job, handler: Handler, pause: timedelta) -> Any:
    token = _in_steps.set((job, pause))
    try:
        return _run_outside(job, handler)
    finally:
        _in_steps.reset(token)


def next_step() -> None:
    """To be called before each step by what works in steps, best in the step's own transaction: leases it anew.

    Raises Lost where another has taken it over, since this one stood still for too long. Where no such job is under
    way it does nothing.
    """
    if under_way := _in_steps.get():
        job, pause = under_way
        due = timezone.now() + pause
        if not _mine(job).update(run_at=due, send_at=due):
            raise Lost


def _fail(job: Job, error: str, now: datetime) -> None:
    if job.retries >= MAX_RETRIES:
        _give_up(job, error, now)
        return
    again = now + wait_after(job.retries)
    _mine(job).update(retries=F("retries") + 1, error=error, run_at=again, send_at=again, started_at=None)


def _give_up(job: Job, error: str, now: datetime) -> None:
    with transaction.atomic():
        if _mine(job).update(state=Job.DEAD, error=error, done_at=now, started_at=None):
            job.refresh_from_db()
            for callback in (*hooks.dead_callbacks, *hooks.over_callbacks):
                callback(job, now)
            log.error("job given up: %s %s: %s", job.name, job.pk, error)
