"""Sending one delivery: looked at once more before it goes, and never sent twice for being unsure.

The state is written before and after the call. A process that dies in between leaves SENDING, which the next try reads
as unknown: mail servers take the same letter twice.
"""

import uuid
from datetime import datetime
from typing import Any

from jobs.models import Job
from notifications.channels import Postponed, Refused, Uncertain
from notifications.models import Delivery, Notification
from notifications.routing import CHANNELS, SEND_JOB
from work.models import Task

OF_OPEN_WORK = frozenset({Notification.ASSIGNED, Notification.REMINDER, Notification.OVERDUE})


def send(delivery_id: uuid.UUID, *, now: datetime) -> dict[str, Any]:
    """Sends it if it is still to be sent; the answer has its state. Raises Postponed, so that the job tries again."""
    row = Delivery.objects.select_related("notification__task", "user__team").filter(pk=delivery_id).first()
    if row is None:
        return {"delivery_id": str(delivery_id), "skipped": "there is no such delivery"}
    if row.state == Delivery.SENDING:
        _to(row, Delivery.UNKNOWN, "A process ended while it was being sent: nobody can say whether it arrived.")
    elif row.state == Delivery.QUEUED:
        moot = _moot(row)
        if moot:
            _to(row, Delivery.SKIPPED, moot)
        elif _to(row, Delivery.SENDING, ""):
            _hand_over(row, now)
    return {"delivery_id": str(row.pk), "state": row.state, "reason": row.reason}


def give_up(job: Job, _now: datetime) -> None:
    """A job that was tried too often: what it was to send has failed."""
    if job.name == SEND_JOB:
        waiting = Delivery.objects.filter(pk__in=job.args, state=Delivery.QUEUED)
        waiting.update(state=Delivery.FAILED, reason=job.error[:255])


def _hand_over(row: Delivery, now: datetime) -> None:
    try:
        CHANNELS[row.channel].send(row)
    except Postponed as later:
        _to(row, Delivery.QUEUED, str(later))
        raise
    except Refused as refusal:
        _to(row, Delivery.FAILED, str(refusal))
    except Uncertain as doubt:
        _to(row, Delivery.UNKNOWN, str(doubt))
    else:
        _to(row, Delivery.SENT, "", sent_at=now)


def _to(row: Delivery, state: str, reason: str, **changes: Any) -> bool:
    """Moves it on by compare-and-set; False when somebody else did."""
    mine = Delivery.objects.filter(pk=row.pk, state=row.state)
    moved = mine.update(state=state, reason=reason[:255], **changes)
    if moved:
        row.state, row.reason = state, reason[:255]
    return bool(moved)


def _moot(row: Delivery) -> str:
    """Why it need not be said any more, if so."""
    if not row.user.is_active:
        return "The person has left."
    if not CHANNELS[row.channel].reaches(row.user):
        return "There is no address to send it to any more."
    task = row.notification.task
    if task is None or row.notification.kind not in OF_OPEN_WORK:
        return ""
    if task.status not in Task.OPEN:
        return "The task was finished before it was sent."
    if row.notification.kind == Notification.ASSIGNED and task.assignee_id != row.user_id:
        return "The task was given to somebody else before it was sent."
    return ""
