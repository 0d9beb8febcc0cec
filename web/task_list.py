"""All tasks one may see: narrowed by what stands in the address, as a list or as a board."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from people.models import User
from web import doing, live, mywork, origins, paging, words
from web.access import Request, signed_in
from work.models import UNFINISHED, Task

OPEN, ALL = "open", "all"
ME, NOBODY = "me", "none"
NEWEST, BY_DUE = "newest", "due"
OVERDUE, TODAY, WEEK, UNDATED = "overdue", "today", "week", "none"
DUES = {OVERDUE: _("Overdue"), TODAY: _("Due today"), WEEK: _("Due this week"), UNDATED: _("Without a due date")}
COLUMNS = (Task.TODO, Task.IN_PROGRESS, Task.BLOCKED, Task.DONE)
MOST_IN_COLUMN = 30


@dataclass(frozen=True)
class View:
    """A narrowing people ask for often."""

    label: str | Promise
    query: dict[str, str]

    @property
    def address(self) -> str:
        return f"?{urlencode(self.query)}"


VIEWS = (
    View(_("Open"), {}),
    View(_("Mine"), {"assignee": ME, "sort": BY_DUE}),
    View(_("Overdue"), {"due": OVERDUE, "sort": BY_DUE}),
    View(_("Nobody's"), {"assignee": NOBODY}),
    View(_("Done"), {"status": Task.DONE}),
)


@dataclass(frozen=True)
class Filters:
    status: str = OPEN
    assignee: str = ""
    priority: str = ""
    due: str = ""
    q: str = ""
    sort: str = NEWEST

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """What stands in the address; what is nonsense narrows nothing."""
        assignee = query.get("assignee", "")
        known = assignee in (ME, NOBODY) or (assignee.isdecimal() and len(assignee) < 19)
        return cls(
            status=_one_of(query.get("status"), (ALL, *words.STATUSES), OPEN),
            assignee=assignee if known else "",
            priority=_one_of(query.get("priority"), dict(Task.PRIORITIES), ""),
            due=_one_of(query.get("due"), DUES, ""),
            q=query.get("q", "").strip().replace("\0", "")[:100],
            sort=_one_of(query.get("sort"), (BY_DUE,), NEWEST),
        )

    def given(self) -> dict[str, str]:
        """Those that are not as they are without any."""
        plain = Filters()
        return {name: value for name, value in vars(self).items() if value != getattr(plain, name)}

    def narrow(self, tasks: QuerySet[Task], user: User, now: datetime) -> QuerySet[Task]:
        if self.status != ALL:
            tasks = tasks.filter(UNFINISHED if self.status == OPEN else Q(status=self.status))
        if self.assignee:
            holder = None if self.assignee == NOBODY else user.pk if self.assignee == ME else int(self.assignee)
            tasks = tasks.filter(assignee_id=holder)
        if self.priority:
            tasks = tasks.filter(priority=self.priority)
        if self.q:
            contact = Q(contact__name__icontains=self.q) | Q(contact__company__icontains=self.q)
            tasks = tasks.filter(contact | Q(title__icontains=self.q))
        if self.due:
            days = mywork.Days.of(now)
            tasks = tasks.filter(
                {
                    OVERDUE: Q(due_date__lt=now),
                    TODAY: Q(due_date__gte=days.today, due_date__lt=days.tomorrow),
                    WEEK: Q(due_date__lt=days.next_week),
                    UNDATED: Q(due_date=None),
                }[self.due]
            )
        return tasks


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    user, now = request.user, timezone.now()
    filters, board = Filters.of(request.GET), request.GET.get("as") == "board"
    tasks = Task.objects.visible_to(user).select_related("contact", "assignee")
    context: dict[str, Any] = {
        "filters": filters,
        "board": board,
        "views": [(view, view.query == filters.given()) for view in VIEWS],
        "statuses": words.STATUSES,
        "priorities": Task.PRIORITIES,
        "dues": DUES,
        "people": User.objects.visible_to(user).active().order_by("first_name", "username"),
        "snoozes": doing.SNOOZES,
        "receivers": doing.receivers(user),
        "query": urlencode(filters.given()),
    }
    if board:
        context["columns"] = _columns(filters, tasks, user, now)
        return live.page(request, "web/tasks/index.html", "web/tasks/board.html", context)
    by = ("due_date", "id") if filters.sort == BY_DUE else ("-id",)
    shown = paging.of(listed(tasks, request.GET, user, now), *by, cursor=request.GET.get("cursor", ""))
    context |= {"page": shown, "tasks": origins.add_to(shown.rows)}
    return live.page(request, "web/tasks/index.html", "web/tasks/list.html", context)


def listed(tasks: QuerySet[Task], query: QueryDict, user: User, now: datetime) -> QuerySet[Task]:
    """Of these tasks those that the page shows at this address, on all its pages."""
    filters = Filters.of(query)
    if query.get("as") == "board":  # a column a status, whatever the status asked for
        return Filters(**vars(filters) | {"status": ALL}).narrow(tasks, user, now).filter(status__in=COLUMNS)
    found = filters.narrow(tasks, user, now)
    return found.filter(due_date__isnull=False) if filters.sort == BY_DUE else found


def _columns(filters: Filters, tasks: QuerySet[Task], user: User, now: datetime) -> list[dict[str, Any]]:
    """A column a status, those due first on top; of what is done, what was done last."""
    columns = []
    for status in COLUMNS:
        narrowed = Filters(**vars(filters) | {"status": status}).narrow(tasks, user, now)
        order = ("-completed_at", "-id") if status == Task.DONE else ("due_date", "-id")
        found = list(narrowed.order_by(*order)[: MOST_IN_COLUMN + 1])
        columns.append(
            {
                "status": status,
                "word": words.STATUSES[status],
                "tasks": found[:MOST_IN_COLUMN],
                "more": len(found) > MOST_IN_COLUMN,
                "others": [(other, words.STATUSES[other]) for other in COLUMNS if other != status],
            }
        )
    return columns


def _one_of(asked: str | None, known: Any, otherwise: str) -> str:
    return asked if asked and asked in known else otherwise
