"""What people are told of: each kind with its words, and whether it comes by mail unless somebody says otherwise."""

from dataclasses import dataclass

from notifications.models import Notification
from people.models import User


@dataclass(frozen=True)
class Kind:
    code: str
    label: str
    mailed: bool
    for_leads: bool = False
    """Only leads and managers are ever told of it."""


KINDS = {
    kind.code: kind
    for kind in (
        Kind(Notification.ASSIGNED, "A task was assigned to you", mailed=False),
        Kind(Notification.MOVED, "A task of yours went to somebody else", mailed=False),
        Kind(Notification.REMINDER, "A task of yours is due soon", mailed=True),
        Kind(Notification.OVERDUE, "A task is overdue", mailed=True),
        Kind(Notification.PERFORMANCE, "Your performance score changed", mailed=False),
        Kind(Notification.WORKLOAD, "Somebody has too much to do", mailed=True, for_leads=True),
        Kind(Notification.REPORT, "The team's daily report", mailed=True, for_leads=True),
        Kind(Notification.RULE, "A rule paused itself, or its chain was stopped", mailed=True),
        Kind(Notification.JOB_DEAD, "A job failed for good", mailed=True, for_leads=True),
    )
}
"""In the order in which they are shown."""


def for_user(user: User) -> list[Kind]:
    """Those that this person may ever be told of."""
    return [kind for kind in KINDS.values() if user.leads or user.is_superuser or not kind.for_leads]
