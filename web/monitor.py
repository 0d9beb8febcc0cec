"""Jobs: how many wait, who works, what ran, what failed and why, trying again, and cancelling what waits."""

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from automation import cancelling
from automation.engine import REDO_JOB
from jobs import broker, presence, pulse, queue
from jobs.models import Job, JobQuerySet, Worker, seen_by
from notifications.models import Delivery
from notifications.routing import SEND_JOB
from people import rights
from people.models import User
from web import answers, job_words, live, undoing
from web.access import Request, signed_in

MOST = 100
SEARCHED = 5_000
"""Of the newest jobs, so many are looked through for one name."""
BACK = "/automations/jobs"
AT_ONCE = 500
"""Failed jobs that are run again by one click."""
WAITING, RUNNING, DONE, DEAD, CANCELLED = "pending", "running", "done", "dead", "cancelled"
STATES = {
    "": gettext_lazy("All"),
    WAITING: gettext_lazy("Waiting"),
    RUNNING: gettext_lazy("Running"),
    DONE: gettext_lazy("Done"),
    DEAD: gettext_lazy("Failed"),
    CANCELLED: gettext_lazy("Cancelled"),
}
PARTS = {
    Worker.RUNNER: gettext_lazy("The runner"),
    Worker.CELERY: gettext_lazy("Celery worker"),
    Worker.BEAT: gettext_lazy("The beat"),
}
LANES = {
    "": gettext_lazy("Everything else"),
    "notices": gettext_lazy("Notices"),
    "webhooks": gettext_lazy("Webhooks"),
    "calendars": gettext_lazy("Calendars"),
    "plans": gettext_lazy("Plans and learning"),
}
"""What each thread of the runner does, by its lane."""
ORDER: dict[str, Callable[[JobQuerySet], JobQuerySet]] = {
    "": lambda rows: rows.order_by("-created_at"),
    WAITING: lambda rows: rows.filter(state=Job.PENDING, started_at__isnull=True).order_by("send_at"),
    RUNNING: lambda rows: rows.filter(state=Job.PENDING, started_at__isnull=False).order_by("send_at"),
    DONE: lambda rows: rows.filter(state=Job.DONE).order_by("-created_at"),
    DEAD: lambda rows: rows.filter(state=Job.DEAD).order_by("-created_at"),
    CANCELLED: lambda rows: rows.filter(state=Job.REVOKED).order_by("-created_at"),
}


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    state, name = _filters(request.GET)
    seen, now = seen_by(request.user), timezone.now()
    workers = [_seen(one, now) for one in Worker.objects.heard_of(now - presence.KEEP)]
    stands = pulse.read(seen, now=now)
    context = {
        "jobs": _with_deliveries([_dressed(job) for job in _found(seen, state, name)]),
        "may_steer": rights.may_steer_jobs(request.user),
        "state": state,
        "states": STATES,
        "name": name,
        "names": sorted((job_words.title(one), job_words.PREFIX + one) for one in job_words.ABOUT),
        "pulse": stands,
        "most": pulse.MOST,
        "workers": workers,
        "clock_is_silent": stands.clock_is_silent and not any(_has_just_begun(one, now) for one in workers),
        "worker": _("Celery workers") if broker.configured() else _("The runner"),
        "clock": _("The beat") if broker.configured() else _("The runner's clock"),
    }
    return live.page(request, "web/jobs/page.html", "web/jobs/jobs.html", context)


@require_GET
@signed_in
def job(request: Request, pk: uuid.UUID) -> HttpResponse:
    """One job: what it does, how it went, why it failed, and what was sent by it."""
    row = _dressed(get_object_or_404(Job.objects.visible_to(request.user), pk=pk))
    context = {
        "job": row,
        "may_steer": rights.may_steer_jobs(request.user),
        "arguments": json.dumps({"args": row.args, "kwargs": row.kwargs}, ensure_ascii=False, indent=2),
        "outcome": json.dumps(row.result, ensure_ascii=False, indent=2) if row.result is not None else "",
        "activity_id": row.args[0] if row.name == REDO_JOB and row.args else None,
        "deliveries": _deliveries(request.user, row),
    }
    return live.page(request, "web/jobs/job.html", "web/jobs/job_parts.html", context)


@require_POST
@signed_in
def retry(request: Request, pk: uuid.UUID) -> HttpResponse:
    row = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
    _must_steer(request.user)
    if cancelling.put_back(row, by=request.user, now=timezone.now()):
        return answers.done(request, _("The job runs after all."), back=BACK)
    if not _again(row):
        return answers.refused(request, _("Only a failed job can be run again; this one is not."), back=BACK)
    return answers.done(request, _("The job runs again."), back=BACK)


@require_POST
@signed_in
def cancel(request: Request, pk: uuid.UUID) -> HttpResponse:
    row = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
    _must_steer(request.user)
    if not cancelling.cancel(row, by=request.user, now=timezone.now()):
        return answers.refused(request, _("It runs already, or is over: look at it again."), back=BACK)
    text = _("Cancelled: %(title)s") % {"title": job_words.title(row.name)}
    return answers.done(request, text, undo=undoing.note_of_cancelled(request.user, row), back=BACK)


@require_POST
@signed_in
def retry_all(request: Request) -> HttpResponse:
    """All that failed, of one name or of any."""
    _must_steer(request.user)
    _state, name = _filters(request.POST)
    rows = _found(seen_by(request.user), DEAD, name, most=AT_ONCE)
    again = sum(_again(row) for row in rows)
    if not again:
        return answers.refused(request, _("Nothing has failed."), back=BACK)
    text = ngettext("%(n)s job runs again.", "%(n)s jobs run again.", again) % {"n": again}
    return answers.done(request, text, back=BACK)


def _again(row: Job) -> bool:
    with transaction.atomic():
        return queue.retry(row, now=timezone.now())


def _must_steer(user: User) -> None:
    if not rights.may_steer_jobs(user):
        raise PermissionDenied(_("Only managers run jobs again or cancel them."))


def _filters(query: Any) -> tuple[str, str]:
    state, name = query.get("state", ""), query.get("name", "")[:100]
    return state if state in STATES else "", name.replace("\0", "")


def _found(seen: Iterable[JobQuerySet], state: str, name: str, *, most: int = MOST) -> list[Job]:
    """The newest in that state, or those that run next; of a name among the newest. Each part reads its index."""
    found: dict[uuid.UUID, Job] = {}
    for part in seen:
        rows = ORDER[state](part)
        if name:
            newest = rows.values("pk")[:SEARCHED]
            rows = ORDER[state](Job.objects.filter(pk__in=newest, name=name))
        found |= {row.pk: row for row in rows[:most]}
    if state in (WAITING, RUNNING):
        return sorted(found.values(), key=lambda row: row.send_at)[:most]
    return sorted(found.values(), key=lambda row: row.created_at, reverse=True)[:most]


def listed(rows: JobQuerySet, query: Any) -> JobQuerySet:
    """Of these jobs all those that the page shows the newest of at this address."""
    state, name = _filters(query)
    found = ORDER[state](rows)
    return found.filter(name=name) if name else found


def _with_deliveries(jobs: list[Job]) -> list[Job]:
    """To the jobs that send a notice, what became of it."""
    sending = {_delivery_of(job): job for job in jobs if job.name == SEND_JOB}
    if sending:
        for delivery in Delivery.objects.filter(pk__in=[pk for pk in sending if pk is not None]):
            sending[delivery.pk].delivery = delivery  # type: ignore[attr-defined]
    return jobs


def _deliveries(user: User, row: Job) -> list[Delivery]:
    """The delivery that the job makes, and those that go with it in one message, of those the viewer may see."""
    pk = _delivery_of(row) if row.name == SEND_JOB else None
    if pk is None:
        return []
    seen = Delivery.objects.visible_to(user).select_related("notification", "user")
    return [*seen.filter(pk=pk), *seen.filter(sent_with=pk).order_by("created_at")[:MOST]]


def _delivery_of(job: Job) -> uuid.UUID | None:
    """None for one that somebody called with something else."""
    try:
        return uuid.UUID(job.args[0])
    except (IndexError, ValueError, AttributeError, TypeError, KeyError):
        return None


def _dressed(row: Any) -> Any:
    """The job with its name as people read it, how long it took, and why it failed."""
    row.title = job_words.title(row.name)
    row.took = row.done_at - row.started_at if row.state == Job.DONE and row.started_at and row.done_at else None
    row.cause = job_words.cause(row) if row.state == Job.DEAD else ""
    row.word = "REVOKED" if row.state == Job.REVOKED else row.status
    row.waits = row.state == Job.PENDING and row.started_at is None
    row.about = job_words.about(row.name)
    return row


def _has_just_begun(worker: Worker, now: datetime) -> bool:
    """Whether it keeps the time, and not for long enough to have had anything periodic to start."""
    keeps_time = worker.part == Worker.BEAT or (worker.part == Worker.RUNNER and not worker.lane)
    alive = now - worker.seen_at <= presence.SILENT
    return keeps_time and alive and now - worker.started_at <= pulse.CLOCK_SILENT


def _seen(worker: Any, now: datetime) -> Any:
    """One who works, with words for what it is and does; `seen_at` is told only of one that is silent, for it changes
    all the time.
    """
    worker.what = PARTS[worker.part]
    worker.does = LANES.get(worker.lane, worker.lane)
    worker.is_silent = now - worker.seen_at > presence.SILENT
    return worker
