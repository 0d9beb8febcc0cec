"""The inbox and the bell: what one was told, and doing it right there."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from notifications import bundles
from notifications.models import Notification, NotificationQuerySet
from people import rights
from people.models import User
from web import answers, doing, live, paging
from web.access import Request, signed_in

UNREAD = "unread"
NEWEST = 5
"""In the bell's menu."""
MOST = 100
"""What is counted at most: the bell says 99+."""


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    user, now, view = request.user, timezone.now(), request.GET.get("view", "")
    view = view if view == UNREAD else ""
    rows = narrowed(Notification.objects.visible_to(user), view)
    found = paging.of(_with_tasks(rows), "-id", cursor=request.GET.get("cursor", ""))
    context = {
        "page": found,
        "days": _by_day(_dressed(found.rows, user), now),
        "view": view,
        "unread_count": unread(user),
        "most": MOST,
    }
    return live.page(request, "web/inbox/page.html", "web/inbox/list.html", context)


def narrowed(rows: NotificationQuerySet, view: str) -> NotificationQuerySet:
    return rows.unread() if view == UNREAD else rows


@require_GET
@signed_in
def bell(request: Request) -> HttpResponse:
    """The bell alone, or nothing while the number is the one it shows."""
    count = unread(request.user)
    if request.GET.get("n") == str(count):
        return HttpResponse(status=204)
    return render(request, "web/shell/bell.html", {"count": count})


@require_GET
@signed_in
def newest(request: Request) -> HttpResponse:
    """What the bell's menu holds: the newest few."""
    if not request.htmx:
        return redirect("web:inbox")
    rows = _with_tasks(Notification.objects.visible_to(request.user)).order_by("-id")[:NEWEST]
    context = {"notices": _dressed(rows, request.user), "unread_count": unread(request.user)}
    return render(request, "web/inbox/newest.html", context)


@require_POST
@signed_in
def follow(request: Request, pk: int) -> HttpResponse:
    """Marks the notice read and goes where it leads."""
    rows = Notification.objects.visible_to(request.user)
    notice = get_object_or_404(rows, pk=pk)
    rows.filter(pk=pk).mark_read(timezone.now())
    if notice.task_id is not None:
        return redirect("web:task", notice.task_id)
    ours = notice.path.startswith("/") and not notice.path.startswith("//")
    return redirect(notice.path if ours else reverse("web:inbox"))


@require_POST
@signed_in
def mark(request: Request) -> HttpResponse:
    """Marks these read, or unread again, as the button says; each undoes the other."""
    read = request.POST.get("read") == "1"
    ids = [int(one) for one in request.POST.getlist("notice")[: paging.SIZE] if one.isdecimal() and len(one) < 19]
    rows = Notification.objects.visible_to(request.user).filter(pk__in=ids)
    changed = rows.mark_read(timezone.now()) if read else rows.filter(read_at__isnull=False).update(read_at=None)
    if not changed:
        return answers.refused(request, _("Nothing is left to mark."), back="/inbox")
    text = (
        ngettext("%(n)s marked read", "%(n)s marked read", changed)
        if read
        else ngettext("%(n)s marked unread", "%(n)s marked unread", changed)
    )
    return answers.done(request, text % {"n": changed}, back="/inbox")


@require_POST
@signed_in
def read_all(request: Request) -> HttpResponse:
    Notification.objects.visible_to(request.user).mark_read(timezone.now())
    return answers.done(request, _("All read"), back="/inbox")


def unread(user: User) -> int:
    """Up to MOST."""
    return Notification.objects.visible_to(user).unread()[:MOST].count()


def _with_tasks(rows: Any) -> Any:
    return rows.select_related("task__contact", "task__assignee__team")


def _dressed(rows: Iterable[Any], user: User) -> list[Any]:
    """The notices, each with what may be done to its task right there."""
    found = list(rows)
    snoozes = doing.snoozes_of((row.task for row in found if row.task is not None), user)
    for row in found:
        task = row.task
        row.may_complete = task is not None and task.is_open and rights.may_complete(user, task)
        row.snoozes = snoozes.get(row.task_id, {})
    return found


def _by_day(rows: list[Any], now: datetime) -> list[dict[str, Any]]:
    """Under their days, by the viewer's clock; of one day, bursts of one kind together."""
    today = timezone.localtime(now).date()
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(_day(row, today), []).append(row)
    return [{"name": name, "groups": _groups(some)} for name, some in found.items()]


def _day(row: Notification, today: Any) -> str:
    days = (today - timezone.localtime(row.created_at).date()) // timedelta(days=1)
    if days <= 1:
        return _("Today") if days <= 0 else _("Yesterday")
    return _("Last 7 days") if days < 7 else _("Earlier")


def _groups(rows: list[Any]) -> list[dict[str, Any]]:
    groups = bundles.bursts(rows)
    return [
        {"title": title, "notices": notices, "unread": sum(one.read_at is None for one in notices)}
        for title, notices in zip(bundles.titles(groups), groups, strict=True)
    ]
