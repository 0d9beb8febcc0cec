"""One rule and one event: judged by its policy, then a task, nothing and why, a failure, or a wait; each exactly once.

Everything here runs under the team's queue lock.
"""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from assignment import dispatch
from automation import chains, drafting, giving
from automation.drafting import Draft
from automation.events import Event
from automation.history import LedgerHistory
from automation.models import Firing, RuleVersion, TaskAutomationRule
from crm.models import Contact
from domain import policies, templating
from learning import arms
from people.models import Skill, User
from work import lifecycle
from work.models import Task

LATE = "Late: {count} earlier runs were missed meanwhile, and are one with this task."
WAITS_LIMIT = "waits: {reason}"


def judge(
    rule: TaskAutomationRule, event: Event, chain: chains.Chain, *, now: datetime, waited: Firing | None = None
) -> policies.Verdict:
    """What the rule's policy says, with what the rule has done so far."""
    owner = drafting.owner_for(rule, event.contact)
    history = LedgerHistory(rule, event.contact, owner, leaving_out=waited)
    return verdict_on(rule, drafting.policy_of(rule), event, chain, history, owner, now=now)


def verdict_on(
    rule: TaskAutomationRule,
    policy: policies.Policy,
    event: Event,
    chain: chains.Chain,
    history: policies.History,
    owner: User,
    *,
    now: datetime,
) -> policies.Verdict:
    """The same by its policy and a history from elsewhere; `owner` is the task's to be."""
    return policies.judge(
        policy,
        drafting.occurrence_of(rule, event, chain.path),
        history,
        now=now,
        owner_day=drafting.owner_day(rule, owner, now),
        contact_day=drafting.contact_day(rule, event.contact, owner, now),
    )


def settle(rule: TaskAutomationRule, version: RuleVersion, event: Event, *, now: datetime) -> Firing:
    """Judges an event nobody has judged for this rule and writes what comes of it.

    The firing is unique on (rule, key) and its task on the firing, so running this again makes nothing new.
    """
    chain = chains.of(event)
    verdict = judge(rule, event, chain, now=now)
    return carry_out(new(rule, version, event, chain, now), event, verdict, chain, now=now)


def settle_waiting(waited: Firing, version: RuleVersion, event: Event, *, now: datetime) -> Firing:
    """Judges again what has waited, now that its time has come."""
    waited.version, waited.at = version, now
    chain = chains.Chain(waited.root_id, tuple(waited.path))
    verdict = judge(waited.rule, event, chain, now=now, waited=waited)
    return carry_out(waited, event, verdict, chain, now=now)


def carry_out(firing: Firing, event: Event, verdict: policies.Verdict, chain: chains.Chain, *, now: datetime) -> Firing:
    """Writes the verdict down, and the task with it when it says so."""
    if verdict.outcome == "fire":
        return _fire(firing, event, now)
    if verdict.outcome == "wait":
        return keep(firing, Firing.WAITING, WAITS_LIMIT.format(reason=verdict.reason), due_at=verdict.until)
    if verdict.outcome == "park" and event.contact is not None:
        chains.park(firing.rule, event, chain, verdict.reason, now=now)
    return keep(firing, Firing.SUPPRESSED, verdict.reason)


def keep(firing: Firing, outcome: str, reason: str, *, due_at: datetime | None = None) -> Firing:
    """Saves a firing that makes no task, at least not now."""
    firing.outcome, firing.reason, firing.due_at = outcome, reason[:500], due_at
    firing.save(force_insert=firing.pk is None)
    return firing


def fail(rule: TaskAutomationRule, version: RuleVersion, event: Event, why: Exception, *, now: datetime) -> Firing:
    """An event whose condition could not be evaluated: this firing fails, and no other."""
    return keep(new(rule, version, event, chains.of(event), now), Firing.FAILED, str(why))


def wait(
    rule: TaskAutomationRule, version: RuleVersion, event: Event, *, until: datetime, reason: str, now: datetime
) -> Firing:
    """An event that is judged later, as a change that has to settle."""
    return keep(new(rule, version, event, chains.of(event), now), Firing.WAITING, reason, due_at=until)


def new(rule: TaskAutomationRule, version: RuleVersion, event: Event, chain: chains.Chain, now: datetime) -> Firing:
    """One that is to be judged, or was, and is not written yet."""
    made = Firing(**facts_of(rule, version, event, chain, now))
    made.rule, made.contact, made.activity = rule, event.contact, event.activity
    return made


def facts_of(
    rule: TaskAutomationRule, version: RuleVersion, event: Event, chain: chains.Chain, now: datetime
) -> dict[str, Any]:
    """What a firing says of its event, by column."""
    return {
        "rule_id": rule.id,
        "version_id": version.id,
        "trigger_key": event.key,
        "kind": event.kind,
        "occurred_at": event.occurred_at,
        "data": _shown(event),
        "activity_id": event.activity.id if event.activity is not None else None,
        "contact_id": event.contact.id if event.contact is not None else None,
        "cause_id": event.task.id if event.task is not None else None,
        "root_id": chain.root_id,
        "depth": len(chain.path),
        "path": list(chain.path),
        "at": now,
    }


def _shown(event: Event) -> dict[str, Any]:
    """What is kept of an event that has no row of its own, and the words of a status change."""
    kept = dict(event.data) if event.activity is None else {}
    if event.old_status or event.new_status:
        kept |= {"old_status": event.old_status, "new_status": event.new_status}
    return kept


def _fire(firing: Firing, event: Event, now: datetime) -> Firing:
    rule, waited = firing.rule, firing.pk
    firing.outcome, firing.reason, firing.due_at = Firing.FIRED, "", None
    try:
        with transaction.atomic():
            made = drafting.draft(rule, event, now=now)
            firing.owner = made.owner
            firing.save(force_insert=waited is None)
            firing.task = _make_task(rule, firing, event, made, now)
            arms.keep([made.drawn] if made.drawn is not None else [])
            firing.reason = _hand_out(rule, firing.task, now)[:500]
            firing.save(update_fields=["task", "reason"])
    except (templating.TemplateError, ValidationError, lifecycle.NotAllowed) as failure:
        firing.pk, firing.task, firing.owner = waited, None, None
        return keep(firing, Firing.FAILED, str(failure))
    return firing


def _make_task(rule: TaskAutomationRule, firing: Firing, event: Event, made: Draft, now: datetime) -> Task:
    """Its fields checked, for a rule may have been written past every check."""
    return lifecycle.create(
        rule.team,
        **columns_of(rule, event, made),
        contact=event.contact,
        owner=made.owner,
        origin_key=origin_key(firing),
        once_key=_once_key(rule, event.contact),
        required_skills=_requirements(rule),
        now=now,
    )


def columns_of(rule: TaskAutomationRule, event: Event, made: Draft) -> dict[str, Any]:
    """What the task says that a rule makes of an event."""
    return {
        "title": made.title,
        "description": _description(made, event),
        "priority": made.priority,
        "priority_source": made.priority_source,
        "due_date": made.due_date,
        "due_wall": made.due_wall,
        "due_zone": made.due_zone,
        "due_spec": made.due_spec,
        "timing": made.timing,
        "reminder_offset_hours": rule.reminder_offset_hours,
        "estimated_hours": rule.estimated_hours,
        "kind": made.kind,
    }


def origin_key(firing: Firing) -> str:
    return f"firing:{firing.id}"


def _description(made: Draft, event: Event) -> str:
    missed = event.data.get("missed")
    if not missed:
        return made.description
    return "\n\n".join(filter(None, (made.description, LATE.format(count=missed))))


def once_key(rule: TaskAutomationRule, contact: Contact | None) -> str | None:
    """The unique key of an open task under `once_while_open`."""
    if rule.repeat_policy != rule.ONCE_WHILE_OPEN:
        return None
    return f"rule:{rule.id}:contact:{contact.id if contact is not None else 0}"


def _once_key(rule: TaskAutomationRule, contact: Contact | None) -> str | None:
    """Taken from a task that let it go, one finished or moved to another contact."""
    key = once_key(rule, contact)
    if key is not None:
        Task.objects.filter(once_key=key).exclude(status__in=Task.OPEN, contact=contact).update(once_key=None)
    return key


def _requirements(rule: TaskAutomationRule) -> list[lifecycle.Requirement]:
    levels = drafting.requirements_of(rule)
    if not levels:
        return []
    skills = Skill.objects.filter(team_id=rule.team_id)
    return [
        lifecycle.Requirement(skill, levels[skill.name.lower()]) for skill in skills if skill.name.lower() in levels
    ]


def _hand_out(rule: TaskAutomationRule, task: Task, now: datetime) -> str:
    """By the rule's choice; why whom it names does not get it. `owner` is the contact's owner, else the rule's."""
    if rule.assign == "best_match":
        dispatch.assign_best(task, now=now)
    elif rule.assign == "round_robin":
        dispatch.round_robin(task, now=now)
    elif (settled := giving.settled_on(rule, task.contact, task.owner)) is not None:
        return giving.give(task, settled.person, by=None, now=now, method=settled.method, **settled.reasons)
    return ""
