"""Reminders: told once for each (task, instant), and not about a task that is finished."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from notifications import outbox
from notifications.models import Notification
from people import hours
from people.models import User
from work.models import Task

log = logging.getLogger("nextmove.automation")

LIMIT = 500


def due_teams(now: datetime) -> list[int]:
    return sorted(set(Task.objects.to_remind(now).values_list("team_id", flat=True)))


def oldest_due(now: datetime) -> datetime | None:
    return Task.objects.to_remind(now).order_by("remind_at").values_list("remind_at", flat=True).first()


def send(*, now: datetime, team_id: int | None = None) -> dict[str, int]:
    """Tells whoever holds each due task, else its owner. Safe to run anywhere, any number of times.

    Each is a transaction of its own; one that fails is logged, counts as told, and stops no other.
    """
    due = Task.objects.to_remind(now)
    if team_id is not None:
        due = due.filter(team_id=team_id)
    sent = 0
    for pk in list(due.order_by("remind_at").values_list("pk", flat=True)[:LIMIT]):
        try:
            with transaction.atomic():
                sent += _remind(pk, now)
        except Exception:
            log.exception("the reminder of task %s could not be sent", pk)
            Task.objects.filter(pk=pk, reminded_at__isnull=True).update(reminded_at=now)
    return {"sent": sent}


def _remind(pk: int, now: datetime) -> bool:
    """Settles the reminder, then reads the task it holds locked: as it is now, not as it was when it was found due."""
    if not Task.objects.to_remind(now).filter(pk=pk).update(reminded_at=now):
        return False
    task = Task.objects.select_related("assignee__team", "owner__team").get(pk=pk)
    person = task.assignee or task.owner
    if not task.is_open or person is None or task.remind_at is None or task.due_date is None:
        return False
    outbox.tell(
        person,
        kind=Notification.REMINDER,
        key=f"reminder:{task.pk}:{task.remind_at.isoformat()}",
        title=f"{'Due soon' if task.due_date > now else 'Was due'}: {task.title}",
        body=f"Due at {task.due_date.astimezone(_zone(person)):%Y-%m-%d %H:%M}.",
        task=task,
        path=f"/tasks/{task.pk}",
        now=now,
    )
    return True


def _zone(person: User) -> ZoneInfo:
    return hours.zone_of(person).zone
