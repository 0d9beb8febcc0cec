"""What a rule makes of an event, before anything is written: the same for the engine and for a simulation."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from automation import giving
from automation.events import Event
from automation.models import TaskAutomationRule
from crm.models import Activity, Contact
from domain import calendars, policies, templating
from domain.delays import Choice, Delay, Kind
from learning import best_times, lead_scores
from learning.arms import Arms, Drawn
from people import hours
from people.models import Team, User
from work import due
from work.models import Task

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Shared:
    """What the drafts of a batch of one team share, so that it is read once."""

    def __init__(self, team: Team) -> None:
        self.hours, self.arms = hours.TeamHours(team), Arms()
        self.times, self.priorities = best_times.Times(team, self.hours), lead_scores.Priorities(team)
        self._named: dict[int, User | None] = {}

    def read(self, rules: Collection[TaskAutomationRule], contacts: Collection[int]) -> None:
        """Learns of these contacts what the rules ask for, at one go."""
        self.arms.read([rule.experiment for rule in rules if rule.experiment is not None], contacts)
        if any(rule.best_time_within_hours is not None for rule in rules):
            self.times.read(contacts)
        if any(rule.priority_from_score for rule in rules):
            self.priorities.read(contacts)

    def worker(self, rule: TaskAutomationRule, owner: User) -> User | None:
        """Who will have the task, as far as it is known before there is one; None for whoever is found once it is."""
        if rule.assign == "owner":
            return owner
        if rule.pk not in self._named:
            settled = giving.settled_on(rule, None, None)
            self._named[rule.pk] = settled.person if settled is not None else None
        return self._named[rule.pk]


@dataclass(frozen=True)
class Draft:
    """A task as it would be created. `due_wall`, `due_zone` and `due_spec` say how its date was derived.

    `drawn` is the delay its contact got of some that are tried; whoever creates the task keeps it.
    """

    title: str
    description: str
    due_date: datetime
    owner: User
    kind: str
    priority: str = Task.MEDIUM
    priority_source: str = ""
    estimated_hours: Decimal | None = None
    due_wall: str = ""
    due_zone: str = ""
    due_spec: dict[str, Any] | None = None
    timing: dict[str, Any] | None = None
    drawn: Drawn | None = None


def draft(rule: TaskAutomationRule, event: Event, shared: Shared | None = None, *, now: datetime) -> Draft:
    """Renders the templates and works out the due date of a task that would be made now. Raises TemplateError."""
    shared = shared or Shared(rule.team)
    values = template_values(event.contact, event)
    owner = owner_for(rule, event.contact)
    return Draft(
        title=templating.render_title(rule.task_title_template, values, fallback=rule.name),
        description=templating.render(rule.task_description_template, values),
        owner=owner,
        kind=f"rule:{rule.id}",
        estimated_hours=rule.estimated_hours,
        **_priority(rule, event, shared, now),
        **_due(rule, event, owner, shared, now),
    )


def owner_for(rule: TaskAutomationRule, contact: Contact | None) -> User:
    """The contact's owner while active, else the rule's."""
    if contact is not None and contact.owner is not None and contact.owner.is_active:
        return contact.owner
    return rule.owner


def delay_of(rule: TaskAutomationRule, drawn: Drawn | None = None) -> Delay:
    """The rule's delay, or the hours that were drawn while some are tried, whatever the rule then counts in."""
    outside = cast(Choice, rule.outside_hours)
    if drawn is not None:
        return Delay(hours=Decimal(drawn.delay // HOUR), outside=outside)
    return Delay(
        kind=cast(Kind, rule.delay_kind),
        hours=rule.delay_hours,
        days=rule.delay_days,
        at=rule.delay_at,
        outside=outside,
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
        rule_id=rule.id,
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


def _due(rule: TaskAutomationRule, event: Event, owner: User, shared: Shared, now: datetime) -> dict[str, Any]:
    """The rule's own time, or the contact's best one after it, with what chose it; when whoever has the task works."""
    own = _own_due(rule, event, owner, shared)
    if rule.best_time_within_hours is None or event.contact is None:
        return own
    choice = shared.times.choose(
        event.contact,
        worker=shared.worker(rule, owner),
        usual=own["due_date"],
        within=rule.best_time_within_hours * HOUR,
        key=f"rule:{rule.pk}:{event.key}",
        now=now,
    )
    if choice is None:
        return own
    moved = {"due_date": choice.at.astimezone(UTC)} if choice.at != own["due_date"] else own
    return {**moved, "timing": choice.as_dict()}


def _own_due(rule: TaskAutomationRule, event: Event, owner: User, shared: Shared) -> dict[str, Any]:
    """Elapsed time needs no calendar, and is what most rules use."""
    drawn = None
    if event.contact is not None and rule.experiment is not None:
        drawn = shared.arms.of(rule.experiment, event.contact.pk, at=event.occurred_at)
    delay = delay_of(rule, drawn)
    if delay.kind == "elapsed" and rule.outside_hours in ("", "as_is"):
        return {"due_date": event.occurred_at + timedelta(hours=float(delay.hours)), "drawn": drawn}
    found = due.due_of(
        delay, start=event.occurred_at, contact=event.contact, owner=owner, team=rule.team, known=shared.hours
    )
    return {**found._asdict(), "drawn": drawn}


def _priority(rule: TaskAutomationRule, event: Event, shared: Shared, now: datetime) -> dict[str, Any]:
    """The rule's own, or that of the lead's score, which it then follows; who has just written is never put last."""
    if not rule.priority_from_score or event.contact is None:
        return {"priority": rule.task_priority}
    wrote = event.activity_type in lead_scores.WRITING and event.signal != Activity.MACHINE
    pressing = wrote and now - event.occurred_at <= lead_scores.PRESSES_FOR
    by_score = shared.priorities.of(event.contact.pk, pressing=pressing)
    return {"priority": by_score or rule.task_priority, "priority_source": Task.BY_SCORE}


def requirements_of(rule: TaskAutomationRule) -> dict[str, int]:
    """Skill names in lower case with the least level."""
    return {entry["skill"].lower(): int(entry.get("level", 1)) for entry in rule.required_skills}
