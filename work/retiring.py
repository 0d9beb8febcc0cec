"""Closing a task as obsolete in a way that can be taken back, as long as nobody has touched it since."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from crm import traces
from crm.models import Activity
from work import lifecycle
from work.models import Assignment, Task

Kept = dict[str, Any]
"""What it takes to take one task back up, as JSON."""
TASK_COLUMNS = ("status", "close_reason", "banner", "once_key")
ASSIGNMENT_COLUMNS = ("ended_at", "outcome", "actual_hours")


def retire(task: Task, *, reason: str, now: datetime) -> Kept:
    """Closes the task, or leaves it open with a banner when somebody has touched it (`lifecycle.close`).

    Either way it gives up the key by which it kept its rule from making another.
    """
    with transaction.atomic():
        held = Assignment.objects.filter(task=task, ended_at__isnull=True).first()
        before = _columns(task, TASK_COLUMNS)
        was_held = _columns(held, ASSIGNMENT_COLUMNS) if held is not None else {}
        lifecycle.close(task, reason=reason, now=now)
        Task.objects.filter(pk=task.pk).update(once_key=None)
        task.refresh_from_db()
        kept: Kept = {"task": task.pk, "version": task.version, "columns": traces.between(before, task)}
        if held is not None:
            held.refresh_from_db()
            kept |= {"assignment": held.pk, "held": traces.between(was_held, held)}
    return kept


def take_up(kept: Kept, *, now: datetime) -> bool:
    """Undoes `retire`; False when somebody has touched the task since, who then has the last word."""
    with transaction.atomic():
        task = Task.objects.select_for_update().filter(pk=kept["task"], version=kept["version"]).first()
        if task is None:
            return False
        status = task.status
        traces.revert(task, kept["columns"], unique=("once_key",))
        Task.objects.filter(pk=task.pk).update(version=F("version") + 1)
        held = Assignment.objects.filter(pk=kept.get("assignment", 0)).first()
        if held is not None:
            traces.revert(held, kept["held"])
        if task.status != status:
            _tell(task, status, now)
    return True


def _columns(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _tell(task: Task, old: str, now: datetime) -> None:
    Activity.objects.create(
        team_id=task.team_id,
        contact_id=task.contact_id,
        task_id=task.pk,
        activity_type=Activity.TASK_STATUS_CHANGED,
        occurred_at=now,
        received_at=now,
        source=lifecycle.SOURCE,
        origin=Activity.SYSTEM,
        data={"old_status": old, "new_status": task.status},
        processed_at=now,
    )
