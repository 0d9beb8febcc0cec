"""One rule and one event: whether it fires, the task it makes, and who gets it. Runs under the team's queue lock."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from assignment import dispatch
from automation.models import Firing, RuleVersion, TaskAutomationRule
from crm.models import Activity, Contact
from domain import templating
from people.models import Skill, User
from work import lifecycle
from work.models import Task

TOO_OLD = "the event is older than the rule allows"
IMPORTED = "imported events do not fire"
MACHINE = "opened or clicked by a program"
STILL_OPEN = "its task for this contact is still open"
ONCE_ONLY = "it fired for this contact before"
IN_WINDOW = "it fired for this contact within its window"


def fire(rule: TaskAutomationRule, version: RuleVersion, activity: Activity, *, key: str, now: datetime) -> Firing:
    """Writes what the rule makes of the event: a task, a suppression with its reason, or a failure with its own.

    The firing is unique on (rule, key) and its task on the firing, so running this again makes nothing new.
    """
    firing = Firing(rule=rule, version=version, trigger_key=key, activity=activity, contact=activity.contact, at=now)
    reason = _suppressed(rule, activity)
    if reason is not None:
        firing.outcome, firing.reason = Firing.SUPPRESSED, reason
        firing.save(force_insert=True)
        return firing
    firing.outcome = Firing.FIRED
    try:
        with transaction.atomic():
            firing.save(force_insert=True)
            firing.task = _make_task(rule, firing, activity, now)
            firing.save(update_fields=["task"])
            _hand_out(rule, firing.task, now)
    except (templating.TemplateError, ValidationError, lifecycle.NotAllowed) as failure:
        firing = Firing(
            rule=rule,
            version=version,
            trigger_key=key,
            activity=activity,
            contact=activity.contact,
            at=now,
            outcome=Firing.FAILED,
            reason=str(failure)[:500],
        )
        firing.save(force_insert=True)
    return firing


def open_task_of(rule: TaskAutomationRule, contact: Contact) -> Task | None:
    """The rule's task for the contact that somebody still has to do."""
    return Task.objects.open().filter(firings__rule=rule, contact=contact).order_by("pk").first()


def template_values(contact: Contact, event: Activity | None) -> dict[str, Any]:
    """What templates may show: plain values only. A fixed variable outside its trigger is empty."""
    data = event.data if event is not None else {}
    return {
        "contact_name": contact.name,
        "contact_email": contact.email,
        "activity_type": event.activity_type if event is not None else "",
        "old_status": str(data.get("old_status") or ""),
        "new_status": str(data.get("new_status") or ""),
        "contact": {field: getattr(contact, field) for field in templating.CONTACT_FIELDS},
    }


def _suppressed(rule: TaskAutomationRule, activity: Activity) -> str | None:
    """Why the rule lets this event pass, if it does."""
    if activity.received_at - activity.occurred_at > timedelta(hours=rule.max_event_age_hours):
        return TOO_OLD
    if activity.origin == Activity.IMPORT and not rule.fires_on_imports:
        return IMPORTED
    if activity.signal == Activity.MACHINE and not rule.fires_on_machines:
        return MACHINE
    assert activity.contact is not None  # Compiled.covers lets no other event through
    if rule.repeat_policy == rule.ONCE_WHILE_OPEN:
        return STILL_OPEN if open_task_of(rule, activity.contact) else None
    before = Firing.objects.filter(rule=rule, contact=activity.contact, outcome=Firing.FIRED)
    if rule.repeat_policy == rule.ONCE_EVER:
        return ONCE_ONLY if before.exists() else None
    if rule.repeat_policy == rule.ONCE_PER_WINDOW:
        since = activity.occurred_at - timedelta(hours=rule.repeat_window_hours)
        return IN_WINDOW if before.filter(activity__occurred_at__gt=since).exists() else None
    return None


def _make_task(rule: TaskAutomationRule, firing: Firing, activity: Activity, now: datetime) -> Task:
    contact = activity.contact
    assert contact is not None
    values = template_values(contact, activity)
    owner = contact.owner if contact.owner is not None and contact.owner.is_active else rule.owner
    return lifecycle.create(
        rule.team,
        title=templating.render_title(rule.task_title_template, values, fallback=rule.name),
        description=templating.render(rule.task_description_template, values),
        priority=rule.task_priority,
        due_date=activity.occurred_at + timedelta(hours=float(rule.delay_hours)),
        reminder_offset_hours=rule.reminder_offset_hours,
        contact=contact,
        owner=owner,
        estimated_hours=rule.estimated_hours,
        required_skills=_requirements(rule),
        origin_key=f"firing:{firing.pk}",
        once_key=_once_key(rule, contact),
        now=now,
    )


def _once_key(rule: TaskAutomationRule, contact: Contact) -> str | None:
    """The unique key of an open task under `once_while_open`; one finished or moved to another contact lets it go."""
    if rule.repeat_policy != rule.ONCE_WHILE_OPEN:
        return None
    key = f"rule:{rule.pk}:contact:{contact.pk}"
    Task.objects.filter(once_key=key).exclude(status__in=Task.OPEN, contact=contact).update(once_key=None)
    return key


def _requirements(rule: TaskAutomationRule) -> list[lifecycle.Requirement]:
    levels = {entry["skill"].lower(): int(entry.get("level", 1)) for entry in rule.required_skills}
    if not levels:
        return []
    skills = Skill.objects.filter(team_id=rule.team_id)
    return [
        lifecycle.Requirement(skill, levels[skill.name.lower()]) for skill in skills if skill.name.lower() in levels
    ]


def _hand_out(rule: TaskAutomationRule, task: Task, now: datetime) -> None:
    """By the rule's choice. `owner` is the contact's owner, else the rule's."""
    if rule.assign == "best_match":
        dispatch.assign_best(task, now=now)
    elif rule.assign == "round_robin":
        dispatch.round_robin(task, now=now)
    elif rule.assign.startswith("user:"):
        person = User.objects.active().filter(pk=int(rule.assign.removeprefix("user:"))).first()
        if person is not None:
            reasons = {"sentence": f"The rule “{rule.name}” gives its tasks to {person.display_name}."}
            dispatch.assign(task, person, by=None, now=now, method="rule", reasons=reasons)
    elif rule.assign == "owner" and task.owner is not None and task.owner.is_active:
        dispatch.assign(task, task.owner, by=None, now=now, method=dispatch.OWNER, reasons=_owner_reasons(rule, task))


def _owner_reasons(rule: TaskAutomationRule, task: Task) -> dict[str, Any]:
    assert task.owner is not None
    assert task.contact is not None
    whose = "contact" if task.contact.owner_id == task.owner_id else "rule"
    return {"sentence": f"{task.owner.display_name} owns the {whose}.", "rule_id": rule.pk}
