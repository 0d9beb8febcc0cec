"""Celery tasks whose state is a Job row.

`.delay()` writes a row; a worker or the embedded runner runs the row; a direct call runs now.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from celery import Task
from celery.result import AsyncResult
from django.db import transaction
from django.utils import timezone

from jobs import queue, running
from jobs.models import Job


class JobTask(Task):
    """The base of all tasks of the application."""

    abstract = True
    external = False
    """True for calls to the outside: run under a lease, not in a transaction, and given the job's key."""
    in_steps = False
    """With `external`: it calls nobody but computes for long, in steps that may be done twice, and says so before each
    (`running.next_step`). Then its lease is short, and who was killed at it is followed as soon as by other jobs."""
    lane = ""
    """What waits for servers of strangers names one, and what computes for long: the runner does each lane beside the
    others, so that what is slow holds up only its kind."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly:
            return self.run_now(*args, **kwargs)
        return self.run_row(uuid.UUID(self.request.id), args, kwargs)

    def run_now(self, *args: Any, **kwargs: Any) -> Any:
        """A direct call: no row, no retries, the caller sees the error."""
        if self.external:
            return self.run(*args, **kwargs, key=str(uuid.uuid4()))
        with transaction.atomic():
            return self.run(*args, **kwargs)

    def run_row(self, job_id: uuid.UUID, args: Any, kwargs: Any, *, grace: timedelta = queue.GRACE) -> Any:
        """A delivered message. One that somebody sent by hand has no row yet: it gets one first."""
        if not Job.objects.filter(pk=job_id).exists():
            now = timezone.now()
            Job.objects.bulk_create(
                [
                    Job(
                        id=job_id,
                        key=str(job_id),
                        name=self.name,
                        args=list(args),
                        kwargs=kwargs,
                        run_at=now,
                        send_at=now + queue.GRACE,
                        created_at=now,
                    )
                ],
                ignore_conflicts=True,
            )
        return running.run(job_id, self.run, external=self.external, in_steps=self.in_steps, grace=grace)

    def apply_async(
        self,
        args: Any = None,
        kwargs: Any = None,
        task_id: str | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
        key: str = "",
        team_id: int | None = None,
        user_id: int | None = None,
        **options: Any,
    ) -> AsyncResult:
        """Writes the job's row. Due times are columns here: `countdown` and `eta` never reach the broker."""
        if options:
            raise TypeError(f"{', '.join(options)}: not supported; a job takes args, kwargs, countdown, eta and key")
        now = timezone.now()
        run_at = eta or (now + timedelta(seconds=countdown) if countdown else None)
        request = queue.Request(
            self.name,
            list(args or ()),
            dict(kwargs or {}),
            key=key,
            job_id=uuid.UUID(task_id) if task_id else None,
            run_at=run_at,
            team_id=team_id,
            user_id=user_id,
        )
        (job_id,) = queue.enqueue(request, now=now)
        return self.AsyncResult(str(job_id))


class BellTask(Task):
    """A hint to go and look. It needs no row: whoever rings it may be lost, and looking twice finds nothing."""

    abstract = True
