"""/automation/jobs and the automation log: what runs behind the scenes, and what it did."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field

from api.auth import caller, need, scope
from api.errors import conflict
from api.fields import Out, one
from api.paging import Cursor, Limit, Page, Place, link, read_cursor, write_cursor
from automation import cancelling, log
from jobs import queue
from jobs.models import Job

router = Router(tags=["jobs"])

ORDER = ("-at", "-id")


class JobOut(Out):
    id: UUID
    name: str
    status: str = Field(description="PENDING, STARTED, RETRY, SUCCESS or FAILURE")
    result: Any
    error: str | None
    attempts: int
    request_id: str | None = Field(description="The X-Request-Id of the request that it came of")
    created_at: datetime
    done_at: datetime | None


class Entry(Out):
    id: str
    at: datetime
    kind: str
    actor: str
    task_id: int | None
    rule_id: int | None
    job_id: UUID | None
    outcome: str
    reason: str


def _job(job: Job) -> JobOut:
    return JobOut(
        id=job.pk,
        name=job.name,
        status=job.status,
        result=job.result,
        error=job.error or None,
        attempts=job.attempt,
        request_id=job.request_id or None,
        created_at=job.created_at,
        done_at=job.done_at,
    )


@router.get("/automation/jobs/{uuid:id}/status", auth=scope("jobs:read"), response=JobOut)
def job_status(request: HttpRequest, id: UUID) -> JobOut:
    """How a job stands, for the person it is about and for leads up."""
    return _job(one(Job.objects.visible_to(caller(request)), id, "job"))


@router.post("/automation/jobs/{uuid:id}/retry", auth=scope("jobs:write"), response={202: JobOut})
def retry_job(request: HttpRequest, id: UUID) -> Status[JobOut]:
    """Runs a job that was given up from its first try, or one that was cancelled. Its effect still happens once."""
    user = caller(request)
    job = one(Job.objects.visible_to(user), id, "job")
    if not user.is_superuser:
        need(user, "manage_team", "run a failed job again")
    now = timezone.now()
    if not (cancelling.put_back(job, by=user, now=now) or queue.retry(job, now=now)):
        raise conflict(f"Only a job that failed for good can be run again; this one is {job.status}.", code="not_dead")
    job.refresh_from_db()
    return Status(202, _job(job))


@router.post("/automation/jobs/{uuid:id}/cancel", auth=scope("jobs:write"), response=JobOut)
def cancel_job(request: HttpRequest, id: UUID) -> JobOut:
    """Keeps a job that waits from running. It counts as a FAILURE from then on, and can be run again."""
    user = caller(request)
    job = one(Job.objects.visible_to(user), id, "job")
    if not user.is_superuser:
        need(user, "manage_team", "cancel a job")
    if not cancelling.cancel(job, by=user, now=timezone.now()):
        raise conflict(f"Only a job that waits can be cancelled; this one is {job.status}.", code="not_waiting")
    return _job(job)


@router.get("/automation/automation-log", auth=scope("jobs:read"), response=Page[Entry])
def automation_log(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """What the automation did and why, newest first, as far as it concerns you or your team."""
    before = read_cursor(cursor, ORDER).values if cursor else None
    found = log.entries(
        caller(request),
        limit=limit + 1,
        now=timezone.now(),
        before=(before[0], before[1]) if before else None,
    )
    entries, more = found[:limit], len(found) > limit
    following = write_cursor(ORDER, Place([entries[-1]["at"], entries[-1]["id"]])) if more else None
    return {"results": entries, "next": link(request, following) if following else None, "previous": None}
