"""All tasks one may see: narrowed by what stands in the address, as a list or as a board."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse, QueryDict
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from people.models import SavedView, User
from web import doing, live, origins, paging, saved_views, words
from web.access import Request, signed_in
from web.task_filters import ALL, BY_DUE, DUES, VIEWS, Filters
from work.models import Task, TaskQuerySet

COLUMNS = (Task.TODO, Task.IN_PROGRESS, Task.BLOCKED, Task.DONE)
MOST_IN_COLUMN = 30


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
        "saved": saved_views.of(user, SavedView.TASKS, request.GET),
    }
    if board:
        context["columns"] = _columns(filters, tasks, user, now)
        return live.page(request, "web/tasks/index.html", "web/tasks/board.html", context)
    by = ("due_date", "id") if filters.sort == BY_DUE else ("-id",)
    shown = paging.of(listed(tasks, request.GET, user, now), *by, cursor=request.GET.get("cursor", ""))
    context |= {"page": shown, "tasks": origins.add_to(shown.rows)}
    return live.page(request, "web/tasks/index.html", "web/tasks/list.html", context)


def listed(tasks: TaskQuerySet, query: QueryDict, user: User, now: datetime) -> TaskQuerySet:
    """Of these tasks those that the page shows at this address, on all its pages."""
    filters = Filters.of(query)
    if query.get("as") == "board":  # a column a status, whatever the status asked for
        return Filters(**vars(filters) | {"status": ALL}).narrow(tasks, user, now).filter(status__in=COLUMNS)
    found = filters.narrow(tasks, user, now)
    return found.filter(due_date__isnull=False) if filters.sort == BY_DUE else found


def _columns(filters: Filters, tasks: TaskQuerySet, user: User, now: datetime) -> list[dict[str, Any]]:
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
