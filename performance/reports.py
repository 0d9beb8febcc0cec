"""The daily report of a team: one row a local day, told to its leads and managers in the app."""

from datetime import datetime
from typing import Any

from django.db import transaction

from domain import calendars
from notifications import outbox
from notifications.models import Notification
from people.models import Team, User
from performance import team as team_figures
from performance.models import DailyReport
from work import capacity
from work.models import Task


def make(team: Team, *, now: datetime, more: dict[str, Any] | None = None) -> DailyReport:
    """Today's report of the team; made once, then the same row. `more` is what higher rooms add to it."""
    on = now.astimezone(calendars.first_zone(team.timezone).zone).date()
    status = {
        name: value if isinstance(value, int) else float(round(value, 1))
        for name, value in capacity.team_status(team, now=now).items()
    }
    data = {
        "workload": status,
        "performance": team_figures.figures(team, now=now),
        "overdue_tasks": Task.objects.overdue(now).filter(team=team).count(),
        "waiting_tasks": Task.objects.waiting().filter(team=team).count(),
        **(more or {}),
    }
    with transaction.atomic():
        report, _ = DailyReport.objects.get_or_create(team=team, on=on, defaults={"data": data, "created_at": now})
        outbox.tell(
            User.objects.active().filter(team=team, role__in=(User.LEAD, User.MANAGER)),
            kind=Notification.REPORT,
            key=f"report:{report.pk}",
            title=f"Daily report of {team.name}, {on:%d %b}",
            body=_summary(report.data),
            path="/team/performance",
            now=now,
        )
    return report


def _summary(data: dict[str, Any]) -> str:
    work = data["workload"]
    return (
        f"{work['utilization_rate']} % of {work['total_capacity_hours']} h are booked; "
        f"{work['overloaded_members']} overloaded, {data['overdue_tasks']} tasks overdue, "
        f"{data['waiting_tasks']} waiting for somebody."
    )
