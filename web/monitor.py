"""Jobs: how many wait, what failed, and trying again."""

import uuid
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from jobs import queue
from jobs.models import Job
from people import rights
from web import live
from web.access import Request, signed_in

MOST = 50
STATES = {
    "": gettext_lazy("All"),
    Job.PENDING: gettext_lazy("Waiting"),
    Job.DONE: gettext_lazy("Done"),
    Job.DEAD: gettext_lazy("Failed"),
}


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    now = timezone.now()
    jobs = Job.objects.visible_to(request.user)
    state = request.GET.get("state", "")
    shown = jobs.filter(state=state) if state in STATES and state else jobs
    rows = [_dressed(job) for job in shown.order_by("-created_at")[:MOST]]
    context = {
        "jobs": rows,
        "may_retry": rights.may_retry(request.user),
        "state": state,
        "states": STATES,
        **_counts(jobs, now),
    }
    return live.page(request, "web/jobs/page.html", "web/jobs/jobs.html", context)


@require_POST
@signed_in
def retry(request: Request, pk: uuid.UUID) -> HttpResponse:
    job = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
    if not rights.may_retry(request.user):
        raise PermissionDenied(_("Only managers run failed jobs again."))
    with transaction.atomic():
        again = queue.retry(job, now=timezone.now())
    if again:
        messages.success(request, _("The job runs again."))
    else:
        messages.error(request, _("Only a failed job can be run again; this one is not."))
    return redirect("web:jobs")


def _counts(jobs: QuerySet[Job], now: datetime) -> dict[str, Any]:
    found = jobs.aggregate(
        waiting=Count("pk", filter=Q(state=Job.PENDING)),
        retrying=Count("pk", filter=Q(state=Job.PENDING, retries__gt=0)),
        done=Count("pk", filter=Q(state=Job.DONE)),
        failed=Count("pk", filter=Q(state=Job.DEAD)),
        oldest_due=Min("run_at", filter=Q(state=Job.PENDING, run_at__lte=now)),
    )
    oldest = found["oldest_due"]
    return {"counts": found, "oldest_age": now - oldest if oldest else None}


def _dressed(job: Job) -> Job:
    """The job with its name as people read it and how long it took."""
    job.title = job.name.rpartition(".")[2].replace("_", " ").capitalize()  # type: ignore[attr-defined]
    return job
