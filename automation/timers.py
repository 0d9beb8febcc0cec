"""Rules on time: planned when they begin, run when their instant comes, one run for all that was missed meanwhile."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from automation import due_rows, occurring, overdue, rules, silence
from automation.models import TaskAutomationRule
from automation.readiness import make_ready
from automation.setting_aside import put_aside, set_aside
from automation.triggers import overdue as overdue_trigger
from automation.triggers import time as time_trigger
from crm.models import Contact
from domain import cron
from jobs import queue
from people.models import Team

log = logging.getLogger("nextmove.automation")

KIND = TaskAutomationRule.TIME
LIMIT = 100
PAGE = 200
PAGE_JOB = "automation.tasks.run_time_rule"
CONTACT_JOB = "automation.tasks.run_time_rule_for_contact"
ASIDE, PLAN_ASIDE = "rule", "rule_plan"
UNPLANNED = "put aside"


def due_since(now: datetime, team_id: int | None = None) -> due_rows.Due:
    """Rules whose instant has come, and those that nobody has planned yet."""
    return due_rows.united(
        due_rows.earliest(TaskAutomationRule.objects.live().filter(next_run_at__lte=now), "next_run_at", team_id),
        due_rows.present(TaskAutomationRule.objects.unplanned(), now, team_id),
    )


def run_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Plans what is new and runs what is due; a rule that cannot be run becomes a job and stops no other."""
    with occurring.alone(team_id, skip=True) as mine:
        if not mine:
            return {"runs": 0}
        for rule in TaskAutomationRule.objects.unplanned().filter(team_id=team_id)[:LIMIT]:
            _guarded(rule, lambda rule: plan(rule, now=now), lambda rule: _put_plan_aside(rule, now))
        due = TaskAutomationRule.objects.live().filter(team_id=team_id, next_run_at__lte=now)
        rows = due.select_related("owner", "team").order_by("next_run_at", "pk")[:LIMIT]
        runs = (_guarded(rule, lambda rule: _run(rule, now), lambda rule: _put_aside(rule, now)) for rule in rows)
        return {"runs": sum(runs)}


def plan(rule: TaskAutomationRule, *, now: datetime) -> int:
    """Works out when the rule looks at something next, from now on. Call it while holding the team's queue."""
    ready = make_ready(rule, now)
    next_run_at = None
    if ready is not None and rule.trigger_type == TaskAutomationRule.TIME:
        next_run_at = time_trigger.next_run(rule, after=now)
    mine = TaskAutomationRule.objects.filter(pk=rule.pk, planned_for="")
    fields = {"planned_for": rules.content_hash(rule), "planned_at": now, "next_run_at": next_run_at}
    if not mine.update(**fields):
        return 0
    if ready is not None and rule.trigger_type == TaskAutomationRule.INACTIVITY:
        silence.plan(rule, now=now)
    if ready is not None and rule.trigger_type == TaskAutomationRule.OVERDUE:
        hours = overdue_trigger.after(rule.trigger_config).total_seconds() / 3600
        overdue.replan(rule.team_id, after_hours=hours, now=now)
    return 1


def planned_teams() -> list[int]:
    """Teams with rules on time that have a run to come; reads their partial index."""
    to_come = TaskAutomationRule.objects.live().filter(team=OuterRef("pk"), next_run_at__isnull=False)
    return list(Team.objects.filter(Exists(to_come)).order_by("pk").values_list("pk", flat=True))


def follow_clock(team_id: int, *, now: datetime) -> int:
    """After the zone of the team or an owner changed: the runs to come on the new clock; how many moved.

    What is due stays due, and so does a single date that the new clock has passed already.
    """
    moved = 0
    with occurring.alone(team_id):
        rows = TaskAutomationRule.objects.live().filter(team_id=team_id, trigger_type=KIND, next_run_at__gt=now)
        for rule in rows.select_related("owner", "team").order_by("pk"):
            moved += _guarded(rule, lambda rule: _move(rule, now), _note_unmoved)
    return moved


def _note_unmoved(rule: TaskAutomationRule) -> None:
    log.exception("the next run of rule %s could not be derived again", rule.pk)


def _move(rule: TaskAutomationRule, now: datetime) -> bool:
    following = time_trigger.next_run(rule, after=now)
    if following in (None, rule.next_run_at):
        return False
    mine = TaskAutomationRule.objects.filter(pk=rule.pk, next_run_at=rule.next_run_at)
    return bool(mine.update(next_run_at=following))


def run_page(rule_id: int, at: datetime, after_id: int, missed: int, *, now: datetime) -> dict[str, Any]:
    """One page of a rule's audience; the next page is a job of its own, written with this one's tasks."""
    rule = TaskAutomationRule.objects.live().select_related("owner", "team").filter(pk=rule_id).first()
    if rule is None:
        return {"rule_id": rule_id, "skipped": "switched off or deleted meanwhile"}
    with occurring.alone(rule.team_id):
        people = list(time_trigger.audience(rule).filter(pk__gt=after_id)[:PAGE])
        made = sum(_run_for(rule, at, contact, missed, now) for contact in people)
        if len(people) == PAGE:
            queue.enqueue(_page(rule, at, people[-1].pk, missed), now=now)
    return {"rule_id": rule_id, "contacts": len(people), "firings": made}


def run_for_contact(rule_id: int, at: datetime, contact_id: int, missed: int, *, now: datetime) -> dict[str, Any]:
    """One of a rule's audience that was set aside, tried again by its job."""
    rule = TaskAutomationRule.objects.live().select_related("owner", "team").filter(pk=rule_id).first()
    contact = time_trigger.audience(rule).filter(pk=contact_id).first() if rule is not None else None
    if rule is None or contact is None:
        return {"rule_id": rule_id, "contact_id": contact_id, "skipped": "no longer there, or not for this rule"}
    with occurring.alone(rule.team_id):
        made = occurring.occur(time_trigger.run(rule, at, contact, missed=missed), now=now, rule=rule)
    return {"rule_id": rule_id, "contact_id": contact_id, "firings": len(made)}


def _run_for(rule: TaskAutomationRule, at: datetime, contact: Contact, missed: int, now: datetime) -> int:
    try:
        with transaction.atomic():
            return len(occurring.occur(time_trigger.run(rule, at, contact, missed=missed), now=now, rule=rule))
    except Exception:
        key = f"rule:{rule.pk}:{at:%Y%m%dT%H%M%S}:contact:{contact.pk}"
        args = [rule.pk, at.isoformat(), contact.pk, missed]
        set_aside(CONTACT_JOB, args, key=key, team_id=rule.team_id, now=now)
    return 0


def _run(rule: TaskAutomationRule, now: datetime) -> int:
    """Moves the rule on by compare-and-set, and makes its run: the latest instant, with the count of those missed."""
    due = rule.next_run_at
    assert due is not None  # asked only of rules that are due
    found = cron.collapse(
        time_trigger.when(rule.trigger_config),
        due=due,
        now=now,
        zone=time_trigger.zone_of(rule),
        anchor=rule.created_at,
    )
    mine = TaskAutomationRule.objects.filter(pk=rule.pk, next_run_at=due)
    if not mine.update(next_run_at=found.following):
        return 0
    missed = found.count - 1
    if time_trigger.is_for_contacts(rule):
        queue.enqueue(_page(rule, found.latest, 0, missed), now=now)
    else:
        occurring.occur(time_trigger.run(rule, found.latest, None, missed=missed), now=now, rule=rule)
    return 1


def _page(rule: TaskAutomationRule, at: datetime, after_id: int, missed: int) -> queue.Request:
    return queue.Request(
        PAGE_JOB,
        [rule.pk, at.isoformat(), after_id, missed],
        key=f"rule:{rule.pk}:{at:%Y%m%dT%H%M%S}:{after_id}",
        team_id=rule.team_id,
    )


Step = Callable[[TaskAutomationRule], Any]


def _guarded(rule: TaskAutomationRule, step: Step, otherwise: Step) -> int:
    try:
        with transaction.atomic():
            return int(step(rule))
    except Exception:
        otherwise(rule)
    return 0


def _put_aside(rule: TaskAutomationRule, now: datetime) -> None:
    assert rule.next_run_at is not None  # asked only of rules that are due
    if TaskAutomationRule.objects.filter(pk=rule.pk, next_run_at=rule.next_run_at).update(next_run_at=None):
        put_aside(ASIDE, rule.pk, rule.next_run_at, team_id=rule.team_id, now=now)


def take_up(pk: int, at: datetime, *, now: datetime) -> bool:
    """A rule whose run was put aside, run by its job; False when it was switched off or planned anew since."""
    rows = TaskAutomationRule.objects.live().filter(pk=pk, next_run_at__isnull=True).exclude(planned_for="")
    rule = rows.select_related("owner", "team").first()
    if rule is None:
        return False
    with occurring.alone(rule.team_id):
        rule.next_run_at = at
        return bool(rows.update(next_run_at=at)) and bool(_run(rule, now))


def _put_plan_aside(rule: TaskAutomationRule, now: datetime) -> None:
    if TaskAutomationRule.objects.filter(pk=rule.pk, planned_for="").update(planned_for=UNPLANNED, next_run_at=None):
        put_aside(PLAN_ASIDE, rule.pk, now, team_id=rule.team_id, now=now)


def take_up_plan(pk: int, at: datetime, *, now: datetime) -> bool:  # noqa: ARG001 (it is planned from now on)
    """A rule that could not be planned, tried again by its job; False when somebody changed it since."""
    rule = TaskAutomationRule.objects.live().filter(pk=pk, planned_for=UNPLANNED).first()
    if rule is None:
        return False
    with occurring.alone(rule.team_id):
        TaskAutomationRule.objects.filter(pk=pk, planned_for=UNPLANNED).update(planned_for="")
        return bool(plan(rule, now=now))
