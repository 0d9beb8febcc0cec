"""Reminders: told once for each (task, instant), and not about a task that is finished."""

from datetime import datetime

from django.db import transaction

from notifications import outbox
from notifications.models import Notification
from work.models import Task

LIMIT = 500


def due_teams(now: datetime) -> list[int]:
    return sorted(set(Task.objects.to_remind(now).values_list("team_id", flat=True)))


def send(*, now: datetime, team_id: int | None = None) -> dict[str, int]:
    """Tells whoever holds each due task, else its owner. Safe to run anywhere, any number of times."""
    due = Task.objects.to_remind(now)
    if team_id is not None:
        due = due.filter(team_id=team_id)
    sent = sum(_remind(task, now) for task in due.select_related("assignee", "owner").order_by("remind_at")[:LIMIT])
    return {"sent": sent}


def _remind(task: Task, now: datetime) -> bool:
    person = task.assignee or task.owner
    with transaction.atomic():
        mine = Task.objects.filter(pk=task.pk, remind_at=task.remind_at, reminded_at__isnull=True, status=task.status)
        if not mine.update(reminded_at=now):
            return False
        if not task.is_open or person is None or task.remind_at is None or task.due_date is None:
            return False
        outbox.tell(
            person,
            kind=Notification.REMINDER,
            key=f"reminder:{task.pk}:{task.remind_at.isoformat()}",
            title=f"Due soon: {task.title}",
            body=f"Due at {task.due_date:%Y-%m-%d %H:%M} UTC.",
            task=task,
            path=f"/tasks/{task.pk}",
            now=now,
        )
    return True
