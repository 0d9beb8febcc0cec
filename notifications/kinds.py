"""What people are told of: each kind with its words, and by what it comes unless somebody says otherwise."""

from dataclasses import dataclass

from notifications.models import Notification
from people.models import User


@dataclass(frozen=True)
class Kind:
    code: str
    label: str
    one: str
    many: str
    """What is counted when several come in one message."""
    mailed: bool = False
    texted: bool = False
    """By the channels for which somebody gave an address of their own."""
    for_leads: bool = False
    """Only leads and managers are ever told of it."""

    def by_default(self, channel: str) -> bool:
        """Whether it goes by this channel unless somebody says otherwise."""
        return self.mailed if channel == "email" else self.texted


KINDS = {
    kind.code: kind
    for kind in (
        Kind(Notification.ASSIGNED, "A task was assigned to you", "task assigned to you", "tasks assigned to you"),
        Kind(
            Notification.MOVED, "A task of yours went to somebody else", "task no longer yours", "tasks no longer yours"
        ),
        Kind(
            Notification.REMINDER,
            "A task of yours is due soon",
            "task due soon",
            "tasks due soon",
            mailed=True,
            texted=True,
        ),
        Kind(
            Notification.OVERDUE,
            "A task of yours is overdue",
            "task overdue",
            "tasks overdue",
            mailed=True,
            texted=True,
        ),
        Kind(
            Notification.ESCALATED,
            "Somebody's task is long overdue",
            "task long overdue",
            "tasks long overdue",
            mailed=True,
            texted=True,
            for_leads=True,
        ),
        Kind(Notification.SEQUENCE, "A sequence stopped, and why", "sequence stopped", "sequences stopped"),
        Kind(Notification.PERFORMANCE, "Your performance score changed", "score changed", "scores changed"),
        Kind(
            Notification.WORKLOAD,
            "Somebody has too much to do",
            "person with too much to do",
            "people with too much to do",
            mailed=True,
            texted=True,
            for_leads=True,
        ),
        Kind(Notification.REPORT, "The team's daily report", "report", "reports", mailed=True, for_leads=True),
        Kind(
            Notification.RULE,
            "A rule paused itself, cannot run, or its chain was stopped",
            "rule stopped",
            "rules stopped",
            mailed=True,
        ),
        Kind(
            Notification.CALENDAR,
            "A calendar of yours can't be reached",
            "calendar out of reach",
            "calendars out of reach",
            mailed=True,
        ),
        Kind(
            Notification.WEBHOOK,
            "A webhook was switched off by itself",
            "webhook switched off",
            "webhooks switched off",
            mailed=True,
            for_leads=True,
        ),
        Kind(Notification.JOB_DEAD, "A job failed for good", "job failed", "jobs failed", mailed=True, for_leads=True),
    )
}
"""In the order in which they are shown."""


def for_user(user: User) -> list[Kind]:
    """Those that this person may ever be told of."""
    return [kind for kind in KINDS.values() if user.leads or user.is_superuser or not kind.for_leads]
