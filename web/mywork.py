"""My work: what is mine today, what comes, what is done; and how it fits the hours of my week."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import F, Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from people.models import User
from web import doing, first_run, live, origins, waits
from web.access import Request, signed_in
from work import capacity
from work.models import Task, TaskQuerySet

TODAY, UPCOMING, DONE = "today", "upcoming", "done"
MOST = 100
"""Rows a view shows; the rest is a link away in Tasks."""


@dataclass(frozen=True)
class Group:
    name: str | Promise
    note: str | Promise
    tasks: list[Task]


@dataclass(frozen=True)
class Days:
    """The instants that part the groups, in the viewer's zone."""

    now: datetime
    today: datetime
    tomorrow: datetime
    after_tomorrow: datetime
    next_week: datetime

    @classmethod
    def of(cls, now: datetime) -> "Days":
        local = timezone.localtime(now)
        dates = [0, 1, 2, 7 - local.weekday()]
        return cls(now, *(_midnight(local, days) for days in dates))


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    if first_run.is_due(request):
        return redirect("web:setup")
    now = timezone.now()
    view = request.GET.get("view", TODAY)
    view = view if view in (TODAY, UPCOMING, DONE) else TODAY
    context = {
        "view": view,
        "snoozes": doing.SNOOZES,
        "receivers": doing.receivers(request.user),
        **plan(request.user, now),
        **groups(request.user, view, now),
    }
    return live.page(request, "web/mywork/page.html", "web/mywork/work.html", context)


def plan(user: User, now: datetime) -> dict[str, Any]:
    """The head of the page: the greeting, how many tasks in each view, and the week's hours."""
    days = Days.of(now)
    mine = _mine(user)
    counts = {
        # Apart, as each is read from an index of its own: of all that is theirs by now most is long done.
        "today": mine.open().filter(Q(due_date__lt=days.tomorrow) | Q(due_date=None)).count(),
        "done": mine.filter(status=Task.DONE, completed_at__gte=days.today).count(),
    }
    return {"counts": counts, "week": capacity.week(user, now=now), "greeting": _greeting(timezone.localtime(now).hour)}


def waiting(user: User, now: datetime) -> int:
    """How many the sidebar says are theirs to do today: up to MOST."""
    return _rows(user, TODAY, Days.of(now)).order_by()[:MOST].count()


def today(user: User, now: datetime) -> TaskQuerySet:
    """What is theirs to do today, overdue first, as the page lists it."""
    return _rows(user, TODAY, Days.of(now))


def groups(user: User, view: str, now: datetime) -> dict[str, Any]:
    days = Days.of(now)
    found = waits.add_to(origins.add_to(_rows(user, view, days)[: MOST + 1]), user)
    return {"groups": _grouped(found[:MOST], view, days), "more": len(found) > MOST}


def _mine(user: User) -> TaskQuerySet:
    return Task.objects.visible_to(user).filter(assignee=user)


def _rows(user: User, view: str, days: Days) -> TaskQuerySet:
    mine = _mine(user).select_related("contact")
    if view == DONE:
        recent = mine.filter(status=Task.DONE, completed_at__gte=days.today - timedelta(days=30))
        return recent.order_by("-completed_at", "-id")
    if view == UPCOMING:
        return mine.open().filter(due_date__gte=days.tomorrow).order_by("due_date", "id")
    now = mine.open().filter(Q(due_date__lt=days.tomorrow) | Q(due_date=None))
    return now.order_by(F("due_date").asc(nulls_last=True), "id")


def _grouped(tasks: Iterable[Task], view: str, days: Days) -> list[Group]:
    """The tasks under their headings, in their order; empty headings are left out."""
    headings = {TODAY: _today, UPCOMING: _upcoming, DONE: _done}[view]
    found: dict[tuple[Any, Any], list[Task]] = {}
    for task in tasks:
        found.setdefault(headings(task, days), []).append(task)
    return [Group(name, note, rows) for (name, note), rows in found.items()]


def _today(task: Task, days: Days) -> tuple[Any, Any]:
    if task.due_date is None:
        return _("Any time"), _("no due date")
    return (_("Overdue"), _("moved to today for you")) if task.due_date < days.now else (_("Today"), "")


def _upcoming(task: Task, days: Days) -> tuple[Any, Any]:
    due = task.due_date or days.next_week
    if due < days.after_tomorrow:
        return _("Tomorrow"), ""
    return (_("This week"), "") if due < days.next_week else (_("Later"), "")


def _done(task: Task, days: Days) -> tuple[Any, Any]:
    done = task.completed_at or days.now
    if done >= days.today:
        return _("Today"), ""
    return (_("Last 7 days"), "") if done >= days.today - timedelta(days=6) else (_("Earlier"), "")


def _midnight(local: datetime, days: int) -> datetime:
    return datetime.combine(local.date() + timedelta(days=days), time(), tzinfo=local.tzinfo)


def _greeting(hour: int) -> str | Promise:
    if hour < 12:
        return _("Good morning")
    return _("Good afternoon") if hour < 18 else _("Good evening")
