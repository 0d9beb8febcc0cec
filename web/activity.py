"""The stream: what came in for the team, what was the same and not counted, and what the rules made of it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Prefetch, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from automation import engine
from automation.models import Firing
from crm import unmatched
from crm.intake import OWN_RECORDS
from crm.models import Activity, ActivityConflict, ActivityQuerySet, ActivityRepeat, Contact
from jobs import queue
from jobs.models import Job
from people import rights
from people.models import User
from web import answers, job_words, live, paging, words
from web.access import Request, signed_in

DAYS = ("7", "30", "90", "365")
SEARCHED = "30"
"""Days that a narrowed stream goes back, unless said: what is rare must not read the whole ledger."""
MOST = 99
"""What the tabs count at most."""
NO_RULE = "none"
OUTCOMES = {
    Firing.FIRED: gettext_lazy("Made a task"),
    Firing.SUPPRESSED: gettext_lazy("Held back"),
    Firing.FAILED: gettext_lazy("A rule failed"),
    Firing.WAITING: gettext_lazy("A rule waits"),
    NO_RULE: gettext_lazy("No rule answered"),
}
AGAIN, MACHINE, OPEN = "again", "machine", "waiting"
STATES = {
    AGAIN: gettext_lazy("Came more than once"),
    MACHINE: gettext_lazy("By a program"),
    OPEN: gettext_lazy("Not processed yet"),
}
STATE_WORDS = {
    "failed": words.Word(gettext_lazy("Failed"), "circle-x", "bad"),
    "retrying": words.Word(gettext_lazy("Trying again"), "rotate-ccw", "warn"),
    "unmatched": words.Word(gettext_lazy("Nobody's yet"), "circle-question-mark", "warn"),
    "dismissed": words.Word(gettext_lazy("Dismissed"), "circle-slash"),
    "waiting": words.Word(gettext_lazy("Waits"), "clock"),
}


@dataclass(frozen=True)
class Filters:
    type: str = ""
    source: str = ""
    contact: str = ""
    outcome: str = ""
    state: str = ""
    days: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """What stands in the address; what is nonsense narrows nothing."""

        def known(name: str, words: Any) -> str:
            given = query.get(name, "")
            return given if given in words else ""

        contact = query.get("contact", "")
        return cls(
            type=query.get("type", "").replace("\0", "")[:60],
            source=query.get("source", "").strip().replace("\0", "")[:60],
            contact=contact if contact.isdecimal() and len(contact) < 19 else "",
            outcome=known("outcome", OUTCOMES),
            state=known("state", STATES),
            days=known("days", DAYS),
        )

    @property
    def narrows(self) -> bool:
        return any(vars(self).values())

    @property
    def back(self) -> str:
        """Days that are looked at; empty for all of them, where an index leads to what is asked for."""
        searched = self.type or self.source or self.outcome or self.state
        return self.days or (SEARCHED if searched and not self.contact else "")

    def narrow(self, rows: ActivityQuerySet, now: datetime) -> ActivityQuerySet:
        if self.back:
            rows = rows.filter(occurred_at__gte=now - timedelta(days=int(self.back)))
        if self.contact:
            rows = rows.filter(contact_id=int(self.contact))
        if self.type:
            rows = rows.filter(activity_type=self.type)
        if self.source:
            rows = rows.filter(source=self.source)
        if self.state:
            rows = rows.filter(_in_state(self.state))
        if self.outcome:
            firings = Firing.objects.filter(activity=OuterRef("pk"))
            none = self.outcome == NO_RULE
            asked = Exists(firings if none else firings.filter(outcome=self.outcome))
            rows = rows.filter(~asked, processed_at__isnull=False) if none else rows.filter(asked)
        return rows


def _in_state(state: str) -> Q:
    if state == AGAIN:
        same = ActivityRepeat.objects.filter(activity=OuterRef("pk"))
        return Q(Exists(same)) | Q(Exists(ActivityConflict.objects.filter(activity=OuterRef("pk"))))
    return Q(signal=Activity.MACHINE) if state == MACHINE else Q(processed_at__isnull=True)


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    user, filters, now = request.user, Filters.of(request.GET), timezone.now()
    rows = filters.narrow(Activity.objects.visible_to(user), now)
    stream = paging.of(_whole(rows, user), "-occurred_at", "-id", cursor=request.GET.get("cursor", ""))
    visible = Contact.objects.visible_to(user)
    context = {
        "page": stream,
        "rows": dressed(stream.rows),
        "filters": filters,
        "contact": visible.filter(pk=int(filters.contact)).first() if filters.contact else None,
        "kinds": words.ACTIVITIES,
        "outcomes": OUTCOMES,
        "states": STATES,
        "days": [(one, _("Last %(n)s days") % {"n": one}) for one in DAYS],
        **tabs(user),
    }
    return live.page(request, "web/activity/page.html", "web/activity/stream.html", context)


@require_GET
@signed_in
def one(request: Request, pk: int) -> HttpResponse:
    """One event: what it said, whether it came again, which rules it met, and what became of it."""
    row = get_object_or_404(_whole(Activity.objects.visible_to(request.user), request.user), pk=pk)
    (row,) = dressed([row])
    context = {
        "activity": row,
        "data": _told(row.data),
        "conflicts": [(one, _told(one.data)) for one in row.conflicts.order_by("pk")[:20]],
        "may_retry": rights.may_steer_jobs(request.user),
        "cause": job_words.cause(row.job) if row.job is not None and row.job.state == Job.DEAD else "",
        "address": unmatched.address_of(row),
        "leads": request.user.leads,
    }
    return live.page(request, "web/activity/one.html", "web/activity/one_parts.html", context)


@require_POST
@signed_in
def replay(request: Request, pk: int) -> HttpResponse:
    """Runs the rules for an event again that failed as a whole; what they have made already stays single."""
    row, back = get_object_or_404(Activity.objects.visible_to(request.user), pk=pk), f"/activity/{pk}"
    if not rights.may_steer_jobs(request.user):
        raise PermissionDenied(_("Only managers run what failed again."))
    job = Job.objects.filter(pk=engine.redo_id(row)).first()
    with transaction.atomic():
        again = job is not None and queue.retry(job, now=timezone.now())
    if not again:
        return answers.refused(request, _("Only an event that failed is replayed; this one did not."), back=back)
    return answers.done(request, _("The event is replayed: its rules run again."), back=back)


def tabs(user: User) -> dict[str, Any]:
    """How many wait for a word, up to one more than MOST; members have none."""
    if not user.leads:
        return {"unmatched_count": 0, "conflicts_count": 0, "most": MOST, "leads": False}
    return {
        "unmatched_count": unmatched.waiting(user)[: MOST + 1].count(),
        "conflicts_count": unmatched.conflicts(user)[: MOST + 1].count(),
        "most": MOST,
        "leads": True,
    }


def _whole(rows: ActivityQuerySet, user: User) -> ActivityQuerySet:
    firings = Firing.objects.visible_to(user).select_related("rule", "task").order_by("id")
    rows = rows.select_related("contact", "actor", "repeat")
    return rows.prefetch_related(Prefetch("firings", queryset=firings, to_attr="shown_firings"))


def dressed(rows: list[Any]) -> list[Any]:
    """The activities, each with how it stands, the job that runs it again, and how often it came with other words."""
    jobs = Job.objects.in_bulk([engine.redo_id(row) for row in rows])
    ids = [row.pk for row in rows]
    counted = ActivityConflict.objects.filter(activity__in=ids).values_list("activity").annotate(n=Count("pk"))
    others = dict(counted.order_by())
    for row in rows:
        row.job = jobs.get(engine.redo_id(row))
        row.times = row.repeat.times if hasattr(row, "repeat") else 0
        row.others = others.get(row.pk, 0)
        row.standing = STATE_WORDS.get(_standing(row))
        row.is_failed = row.job is not None and row.job.state == Job.DEAD
        row.is_record = row.activity_type in OWN_RECORDS
    return rows


def _standing(row: Any) -> str:
    if row.job is not None and row.job.state != Job.DONE:
        return "failed" if row.job.state == Job.DEAD else "retrying"
    if row.contact_id is None and row.task_id is None:
        return "dismissed" if row.dismissed_at is not None else "unmatched"
    return "waiting" if row.processed_at is None else ""


def _told(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True)
