"""Reminders: told once for each (task, instant), and not about a task that is finished."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from automation import due_rows
from automation.setting_aside import put_aside
from notifications import outbox
from notifications.models import Notification
from people import hours
from people.models import User
from work.models import Task

LIMIT = 500
ASIDE = "reminder"


def due_since(now: datetime, team_id: int | None = None) -> due_rows.Due:
    return due_rows.earliest(Task.objects.to_remind(now), "remind_at", team_id)


def send(*, now: datetime, team_id: int | None = None) -> dict[str, int]:
    """Tells whoever holds each due task, else its owner. Safe to run anywhere, any number of times.

    Each is a transaction of its own; one that fails becomes a job, and stops no other.
    """
    return {"sent": sum(_send(one, now) for one in due_since(now, team_id))}


def _send(team_id: int, now: datetime) -> int:
    rows = Task.objects.to_remind(now).filter(team_id=team_id).order_by("remind_at")
    sent = 0
    for pk, at in list(rows.values_list("pk", "remind_at")[:LIMIT]):
        try:
            with transaction.atomic():
                sent += _remind(pk, now)
        except Exception:
            _put_aside(pk, at, team_id, now)
    return sent


def _put_aside(pk: int, at: datetime, team_id: int, now: datetime) -> None:
    with transaction.atomic():
        if Task.objects.filter(pk=pk, remind_at=at, reminded_at__isnull=True).update(reminded_at=now):
            put_aside(ASIDE, pk, at, team_id=team_id, now=now)


def take_up(pk: int, at: datetime, *, now: datetime) -> bool:
    """A reminder that was put aside, tried again by its job; False when its instant was moved since."""
    again = Task.objects.filter(pk=pk, remind_at=at).update(reminded_at=None)
    return bool(again) and _remind(pk, now)


def _remind(pk: int, now: datetime) -> bool:
    """Settles the reminder, then reads the task it holds locked: as it is now, not as it was when it was found due."""
    if not Task.objects.to_remind(now).filter(pk=pk).update(reminded_at=now):
        return False
    task = Task.objects.select_related("assignee__team", "owner__team").get(pk=pk)
    if task.remind_at != task.reminder_due:  # its date was moved past the verbs
        Task.objects.filter(pk=pk).update(remind_at=task.reminder_due, reminded_at=None)
        return False
    person = task.assignee or task.owner
    if not task.is_open or person is None or task.remind_at is None or task.due_date is None:
        return False
    key = f"reminder:{task.pk}:{task.remind_at.isoformat()}"
    if task.notifications.filter(key__startswith=f"{key}:").exists():
        return False  # its date was moved away and back: whoever held it was told
    outbox.tell(
        person,
        kind=Notification.REMINDER,
        key=key,
        title=f"{'Due soon' if task.due_date > now else 'Was due'}: {task.title}",
        body=f"Due at {task.due_date.astimezone(_zone(person)):%Y-%m-%d %H:%M}.",
        task=task,
        path=f"/tasks/{task.pk}",
        now=now,
    )
    return True


def _zone(person: User) -> ZoneInfo:
    return hours.zone_of(person).zone
