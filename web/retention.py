"""What is kept how long, and what the last cleaning up took away; for managers."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from assignment import runs
from automation import backtests, tallies
from automation.tasks import cleanup_old_assignments
from crm import merge
from crm.files import imports
from jobs import queue
from jobs.models import Job
from learning import attempts
from people import busy_times, devices, rights, undo_notes
from web.access import Request, signed_in
from webhooks import housekeeping as told
from work import housekeeping as work

LAST = 5
REPEATED = timedelta(hours=24)
"""How long the API keeps its answers; the pages know nothing else of it."""


@dataclass(frozen=True)
class Kept:
    what: str | Promise
    period: timedelta | None
    """None: until somebody deletes or erases it."""
    then: str | Promise
    count: str = ""
    """Its name in what the cleaning up reports."""


KEPT = (
    Kept(
        gettext_lazy("Contacts, tasks and the ledger of what happened"),
        None,
        gettext_lazy("Erasing a contact takes away all that tells of the person."),
    ),
    Kept(gettext_lazy("The audit log"), None, gettext_lazy("Lines are never changed.")),
    Kept(gettext_lazy("Scores and daily reports"), None, gettext_lazy("What was measured once stays as it was.")),
    Kept(gettext_lazy("Who held a task before"), work.KEEP, gettext_lazy("Counted from the end of it."), "assignments"),
    Kept(gettext_lazy("Jobs that are done"), queue.KEEP_DONE, gettext_lazy("Failed ones stay until retried."), "jobs"),
    Kept(gettext_lazy("Plans of who does what"), runs.KEEP, gettext_lazy("And their undo."), "runs"),
    Kept(gettext_lazy("What webhooks were told"), told.KEPT, gettext_lazy("With the log of each."), "webhooks"),
    Kept(gettext_lazy("Files that were brought in"), imports.KEEP_ROWS, gettext_lazy("Rows of those never run.")),
    Kept(gettext_lazy("Figures of imports"), imports.KEEP, gettext_lazy("Counted from their end."), "imports"),
    Kept(
        gettext_lazy("Sign-ins"), devices.KEEP, gettext_lazy("Right and wrong passwords, with the address."), "sign_ins"
    ),
    Kept(
        gettext_lazy("Attempts to reach contacts"),
        attempts.KEPT_FOR,
        gettext_lazy("But for a contact's first, by which hours are compared; the ledger keeps what happened."),
    ),
    Kept(gettext_lazy("Merged contacts"), merge.KEPT_FOR, gettext_lazy("So long they can be parted again.")),
    Kept(
        gettext_lazy("What is over in calendars that were read"),
        busy_times.KEPT,
        gettext_lazy("Only when somebody was busy; due dates are counted from times that lie behind."),
    ),
    Kept(
        gettext_lazy("Sessions"),
        timedelta(days=settings.SESSION_DAYS),
        gettext_lazy("With the device; at most, and less when nobody uses it."),
        "sessions",
    ),
    Kept(gettext_lazy("What a plan gave to nobody"), runs.KEEP_UNGIVEN, gettext_lazy("With the reason.")),
    Kept(
        gettext_lazy("Answers to programs"),
        REPEATED,
        gettext_lazy("So long a request with the same Idempotency-Key gets the same answer."),
    ),
    Kept(
        gettext_lazy("Counted figures"),
        tallies.OLD,
        gettext_lazy("Of rules, sequences and campaigns; they are counted again."),
        "tallies",
    ),
    Kept(
        gettext_lazy("Backtests that took longer"), backtests.KEEP, gettext_lazy("With what they found."), "backtests"
    ),
    Kept(
        gettext_lazy("What many changes can be taken back with"),
        undo_notes.KEEP,
        gettext_lazy("How things stood before; few changes are kept on the page alone."),
        "undo_notes",
    ),
)


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    if not rights.may(request.user, "manage_team"):
        raise PermissionDenied(_("Only managers see what is kept how long."))
    jobs = Job.objects.filter(name=cleanup_old_assignments.name, team_id=request.user.team_id, state=Job.DONE).order_by(
        "-created_at"
    )[:LAST]
    context = {"kept": KEPT, "cleanings": [(job, _counts(job)) for job in jobs]}
    return render(request, "web/settings/retention.html", context)


def _counts(job: Job) -> list[tuple[str | Promise, int]]:
    """What one took away, by the words of the page; nothing of what it found none of."""
    result = job.result if isinstance(job.result, dict) else {}
    found = [(one.what, _sum(result, one.count)) for one in KEPT if one.count]
    return [(what, count) for what, count in found if count]


def _sum(result: object, name: str) -> int:
    """The figures of this name, wherever they stand: some are the team's, some the installation's."""
    if not isinstance(result, dict):
        return 0
    own = result.get(name)
    return (own if isinstance(own, int) else 0) + sum(_sum(one, name) for one in result.values())
