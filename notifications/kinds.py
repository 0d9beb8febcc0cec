"""What people are told of: each kind with its words, and whether it comes by mail unless somebody says otherwise."""

from dataclasses import dataclass

from notifications.models import Notification


@dataclass(frozen=True)
class Kind:
    code: str
    label: str
    mailed: bool


KINDS = {
    kind.code: kind
    for kind in (
        Kind(Notification.ASSIGNED, "A task was assigned to you", mailed=False),
        Kind(Notification.REMINDER, "A task of yours is due soon", mailed=True),
        Kind(Notification.OVERDUE, "A task is overdue", mailed=True),
        Kind(Notification.PERFORMANCE, "Your performance score changed", mailed=False),
        Kind(Notification.WORKLOAD, "Somebody has too much to do", mailed=True),
        Kind(Notification.REPORT, "The team's daily report", mailed=True),
        Kind(Notification.RULE, "A rule paused itself, or its chain was stopped", mailed=True),
        Kind(Notification.JOB_DEAD, "A job failed for good", mailed=True),
    )
}
"""In the order in which they are shown."""
