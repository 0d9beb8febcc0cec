"""What a rule makes of an event, before anything is written: the same for the engine and for a simulation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from automation.events import Event
from automation.models import TaskAutomationRule
from crm.models import Contact
from domain import calendars, policies, templating
from domain.delays import Choice, Delay, Kind
from people.models import User
from work import due

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Draft:
    """A task as it would be created. `due_wall`, `due_zone` and `due_spec` say how its date was derived."""

    title: str
    description: str
    due_date: datetime
    owner: User
    kind: str
    estimated_hours: Decimal | None = None
    due_wall: str = ""
    due_zone: str = ""
    due_spec: dict[str, Any] | None = None


def draft(rule: TaskAutomationRule, event: Event) -> Draft:
    """Renders the templates and works out the due date. Raises TemplateError."""
    values = template_values(event.contact, event)
    owner = owner_for(rule, event.contact)
    return Draft(
        title=templating.render_title(rule.task_title_template, values, fallback=rule.name),
        description=templating.render(rule.task_description_template, values),
        owner=owner,
        kind=f"rule:{rule.pk}",
        estimated_hours=rule.estimated_hours,
        **_due(rule, event, owner),
    )


def owner_for(rule: TaskAutomationRule, contact: Contact | None) -> User:
    """The contact's owner while active, else the rule's."""
    if contact is not None and contact.owner is not None and contact.owner.is_active:
        return contact.owner
    return rule.owner


def delay_of(rule: TaskAutomationRule) -> Delay:
    return Delay(
        kind=cast(Kind, rule.delay_kind),
        hours=rule.delay_hours,
        days=rule.delay_days,
        at=rule.delay_at,
        outside=cast(Choice, rule.outside_hours),
    )


def template_values(contact: Contact | None, event: Event | None) -> dict[str, Any]:
    """What templates may show: plain values only. A fixed variable outside its trigger is empty."""
    return {
        "contact_name": contact.name if contact else "",
        "contact_email": contact.email if contact else "",
        "activity_type": event.activity_type if event is not None else "",
        "old_status": event.old_status if event is not None else "",
        "new_status": event.new_status if event is not None else "",
        "contact": {field: getattr(contact, field) for field in templating.CONTACT_FIELDS} if contact else {},
    }


def policy_of(rule: TaskAutomationRule) -> policies.Policy:
    return policies.Policy(
        repeat=rule.repeat_policy,
        window=timedelta(hours=rule.repeat_window_hours),
        max_event_age=timedelta(hours=rule.max_event_age_hours),
        fires_on_imports=rule.fires_on_imports,
        fires_on_machines=rule.fires_on_machines,
        limit_per_hour=rule.limit_per_hour,
        limit_owner_day=rule.limit_owner_day,
        limit_contact_day=rule.limit_contact_day,
        overflow=rule.overflow,
    )


def occurrence_of(rule: TaskAutomationRule, event: Event, path: tuple[int, ...]) -> policies.Occurrence:
    return policies.Occurrence(
        rule_id=rule.pk,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        origin=event.origin,
        signal=event.signal,
        path=path,
    )


def owner_day(rule: TaskAutomationRule, owner: User, now: datetime) -> policies.Day | None:
    """The owner's day, when the rule limits it."""
    if rule.limit_owner_day is None:
        return None
    return _day(calendars.first_zone(owner.timezone, rule.team.timezone).zone, now)


def contact_day(rule: TaskAutomationRule, contact: Contact | None, owner: User, now: datetime) -> policies.Day | None:
    """The contact's day in its own zone, when the rule limits it."""
    if rule.limit_contact_day is None or contact is None:
        return None
    return _day(calendars.first_zone(contact.timezone, owner.timezone, rule.team.timezone).zone, now)


def _day(zone: ZoneInfo, now: datetime) -> policies.Day:
    today = datetime.combine(now.astimezone(zone).date(), time())
    return policies.Day(calendars.from_wall(today, zone), calendars.from_wall(today + DAY, zone))


def _due(rule: TaskAutomationRule, event: Event, owner: User) -> Mapping[str, Any]:
    """Elapsed time needs no calendar, and is what most rules use."""
    if rule.delay_kind == "elapsed" and rule.outside_hours in ("", "as_is"):
        return {"due_date": event.occurred_at + timedelta(hours=float(rule.delay_hours))}
    return due.due_of(
        delay_of(rule), start=event.occurred_at, contact=event.contact, owner=owner, team=rule.team
    )._asdict()


def requirements_of(rule: TaskAutomationRule) -> dict[str, int]:
    """Skill names in lower case with the least level."""
    return {entry["skill"].lower(): int(entry.get("level", 1)) for entry in rule.required_skills}
