"""What can start a rule, in one shape: a row of the ledger, or an instant that came (a touch, a date, a silence)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from automation.models import Firing, TaskAutomationRule
from crm.models import Activity, Contact
from work.models import Task


@dataclass(frozen=True)
class Event:
    """One thing that happened. `key` is what its firings are unique by, within a rule."""

    kind: str
    key: str
    team_id: int
    occurred_at: datetime
    received_at: datetime
    contact: Contact | None = None
    task: Task | None = None
    activity: Activity | None = None
    activity_type: str = ""
    origin: str = Activity.LIVE
    signal: str = Activity.UNKNOWN
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subject_id(self) -> int:
        """The id of what it is about: the task, else the contact, else 0."""
        return next((row.pk for row in (self.task, self.contact) if row is not None), 0)

    @property
    def old_status(self) -> str:
        return str(self.data.get("old_status") or "")

    @property
    def new_status(self) -> str:
        return str(self.data.get("new_status") or "")


def of_activity(activity: Activity, *, task: Task | None = None) -> Event:
    """A row of the ledger, with the task it is about where there is one."""
    if task is None and activity.task_id is not None:
        task = Task.objects.filter(pk=activity.task_id).first()
    kind = {
        Activity.STATUS_CHANGED: TaskAutomationRule.STATUS_CHANGE,
        Activity.TASK_COMPLETED: TaskAutomationRule.TASK_COMPLETED,
    }.get(activity.activity_type, TaskAutomationRule.ACTIVITY)
    return Event(
        kind=kind,
        key=f"activity:{activity.id}",
        team_id=activity.team_id,
        occurred_at=activity.occurred_at,
        received_at=activity.received_at,
        contact=activity.contact,
        task=task,
        activity=activity,
        activity_type=activity.activity_type,
        origin=activity.origin,
        signal=activity.signal,
        data=activity.data if isinstance(activity.data, dict) else {},
    )


def at_instant(
    kind: str,
    subject: str,
    due: datetime,
    *,
    team_id: int,
    contact: Contact | None = None,
    task: Task | None = None,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """An instant that came for a subject ("contact:7", "task:9"): unique by both, so it happens once."""
    return Event(
        kind=kind,
        key=f"{kind}:{subject}:{due.astimezone(UTC):%Y%m%dT%H%M%S}",
        team_id=team_id,
        occurred_at=due,
        received_at=due,
        contact=contact,
        task=task,
        origin=Activity.SYSTEM,
        data=data or {},
    )


def of_firing(firing: Firing) -> Event:
    """The event that a waiting firing was made for, as it stands now."""
    if firing.activity is not None and firing.kind != TaskAutomationRule.STATUS_CHANGE:
        return of_activity(firing.activity)
    activity = firing.activity
    recorded = activity.data if activity is not None and isinstance(activity.data, dict) else {}
    instant = firing.occurred_at or firing.at
    return Event(
        kind=firing.kind,
        key=firing.trigger_key,
        team_id=firing.rule.team_id,
        occurred_at=instant,
        received_at=activity.received_at if activity else instant,
        contact=firing.contact,
        task=firing.cause,
        activity=activity,
        activity_type=activity.activity_type if activity else "",
        origin=activity.origin if activity else Activity.SYSTEM,
        signal=activity.signal if activity else Activity.UNKNOWN,
        data={**recorded, **firing.data},  # a settled change keeps where it began in the firing
    )
