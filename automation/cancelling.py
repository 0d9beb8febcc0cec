"""Cancelling a job that waits, and putting it back: the job's own verbs, with a line of who did it in the audit log."""

from datetime import datetime

from django.db import transaction

from automation.audited import JOB
from jobs import queue
from jobs.models import Job
from people.models import User

CANCELLED, PUT_BACK = "cancelled", "put back"


def cancel(job: Job, *, by: User | None, now: datetime) -> bool:
    """Keeps the job from running; False when it no longer waits. What it was to send or to read has failed then."""
    return _changed(job, CANCELLED, by, now)


def put_back(job: Job, *, by: User | None, now: datetime) -> bool:
    """Lets a cancelled job run after all, when it was to run; False when it is not cancelled any more."""
    return job.state == Job.REVOKED and _changed(job, PUT_BACK, by, now)


def _changed(job: Job, verb: str, by: User | None, now: datetime) -> bool:
    states = (Job.PENDING, Job.REVOKED)
    before, after = states if verb == CANCELLED else reversed(states)
    with transaction.atomic():
        if not (queue.cancel if verb == CANCELLED else queue.retry)(job, now=now):
            return False
        JOB.record(job, verb, by=by, now=now, before={"state": before}, after={"state": after})
    return True
