"""What conditions may ask about an event: plain values of the contact, the activity, the task and the team."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from automation.events import Event
from automation.models import Firing
from crm.models import Contact
from domain import calendars
from people.models import Team
from work.models import Task


class Values(Mapping[str, dict[str, Any]]):
    """By root and field, as `domain.conditions.CATALOGUE` names them; what there is not is left out.

    A root is worked out when it is first asked for: most conditions ask for one.
    """

    def __init__(self, event: Event, team: Team, now: datetime) -> None:
        self.event, self.team, self.now = event, team, now
        self._known: dict[str, dict[str, Any]] = {}

    def __getitem__(self, root: str) -> dict[str, Any]:
        if root not in self._known:
            self._known[root] = _ROOTS[root](self)
        return self._known[root]

    def forget(self) -> None:
        """What may have changed since, such as when the contact was last heard of, is worked out anew."""
        self._known.pop("contact", None)
        self._known.pop("task", None)

    def __iter__(self) -> Iterator[str]:
        return iter(_ROOTS)

    def __len__(self) -> int:
        return len(_ROOTS)


def of(event: Event, team: Team, *, now: datetime) -> Values:
    return Values(event, team, now)


_ROOTS: dict[str, Callable[[Values], dict[str, Any]]] = {
    "contact": lambda of: _contact(of.event.contact, of.now) if of.event.contact is not None else {},
    "activity": lambda of: _activity(of.event, of.team),
    "task": lambda of: _task(of.event.task, of.now) if of.event.task is not None else {},
    "team": lambda of: {"name": of.team.name, "timezone": of.team.timezone},
}


def _contact(contact: Contact, now: datetime) -> dict[str, Any]:
    return {
        "name": contact.name,
        "email": contact.email,
        "phone": contact.phone,
        "company": contact.company,
        "status": contact.status,
        "lead_score": contact.lead_score,
        "timezone": contact.timezone,
        "contact_cadence": contact.contact_cadence,
        "owner": contact.owner.username if contact.owner is not None else "",
        "has_owner": contact.owner_id is not None,
        "do_not_contact": contact.do_not_contact,
        "unsubscribed": contact.unsubscribed_at is not None,
        "bounced": contact.bounced_at is not None,
        "created_at": contact.created_at,
        "last_activity_at": contact.last_activity_at,
        "last_touch_at": contact.last_touch_at,
        "next_follow_up_at": contact.next_follow_up_at,
        "next_touch_at": contact.next_touch_at,
        "days_since_activity": _days(contact.last_activity_at, now),
        "days_since_touch": _days(contact.last_touch_at, now),
        "tags": list(contact.tags) if isinstance(contact.tags, list) else [],
    }


def _activity(event: Event, team: Team) -> dict[str, Any]:
    contact = event.contact
    owner = contact.owner if contact is not None else None
    names = (contact.timezone if contact is not None else "", owner.timezone if owner is not None else "")
    local = event.occurred_at.astimezone(calendars.first_zone(*names, team.timezone).zone)
    tags = event.data.get("tags")
    return {
        "type": event.activity_type,
        "source": event.activity.source if event.activity is not None else "",
        "origin": event.origin,
        "signal": event.signal,
        "occurred_at": event.occurred_at,
        "hour": local.hour,
        "weekday": local.isoweekday(),
        "url": str(event.data.get("url") or ""),
        "subject": str(event.data.get("subject") or ""),
        "campaign": str(event.data.get("campaign") or ""),
        "tags": [str(tag) for tag in tags] if isinstance(tags, list) else [],
        "data": dict(event.data),
        "old_status": event.old_status,
        "new_status": event.new_status,
    }


def _task(task: Task, now: datetime) -> dict[str, Any]:
    made_by = Firing.objects.filter(task=task, outcome=Firing.FIRED).values_list("rule", flat=True).first()
    until = task.completed_at or now
    late = (until - task.due_date).total_seconds() / 3600 if task.due_date is not None else 0.0
    return {
        "title": task.title,
        "status": task.status,
        "priority": task.priority,
        "due_date": task.due_date,
        "created_at": task.created_at,
        "completed_at": task.completed_at,
        "estimated_hours": _number(task.estimated_hours),
        "actual_hours": _number(task.actual_hours),
        "outcome": task.outcome,
        "hours_late": max(0.0, late),
        "rule": made_by or 0,
        "assignee": task.assignee.username if task.assignee is not None else "",
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _days(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else (now - since).total_seconds() / 86_400
