"""Rules on time: planned when they begin, run when their instant comes, one run for all that was missed meanwhile."""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction

from automation import occurring, overdue, rules, silence
from automation.models import TaskAutomationRule
from automation.readiness import make_ready
from automation.triggers import overdue as overdue_trigger
from automation.triggers import time as time_trigger
from domain import cron
from jobs import queue

log = logging.getLogger("nextmove.automation")

LIMIT = 100
PAGE = 200
PAGE_JOB = "automation.tasks.run_time_rule"


def due_teams(now: datetime) -> list[int]:
    live = TaskAutomationRule.objects.live()
    due = set(live.filter(next_run_at__lte=now).values_list("team_id", flat=True))
    return sorted(due | set(TaskAutomationRule.objects.unplanned().values_list("team_id", flat=True)))


def oldest_due(now: datetime) -> datetime | None:
    due = TaskAutomationRule.objects.live().filter(next_run_at__lte=now)
    return due.order_by("next_run_at").values_list("next_run_at", flat=True).first()


def run_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Plans what is new and runs what is due; a rule that cannot be run is logged and stops no other."""
    with occurring.alone(team_id, skip=True) as mine:
        if not mine:
            return {"runs": 0}
        for rule in TaskAutomationRule.objects.unplanned().filter(team_id=team_id)[:LIMIT]:
            _guarded(rule, lambda rule: plan(rule, now=now))
        due = TaskAutomationRule.objects.live().filter(team_id=team_id, next_run_at__lte=now)
        rows = due.select_related("owner", "team").order_by("next_run_at")[:LIMIT]
        return {"runs": sum(_guarded(rule, lambda rule: _run(rule, now)) for rule in rows)}


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


def run_page(rule_id: int, at: datetime, after_id: int, missed: int, *, now: datetime) -> dict[str, Any]:
    """One page of a rule's audience; the next page is a job of its own, written with this one's tasks."""
    rule = TaskAutomationRule.objects.live().select_related("owner", "team").filter(pk=rule_id).first()
    if rule is None:
        return {"rule_id": rule_id, "skipped": "switched off or deleted meanwhile"}
    with occurring.alone(rule.team_id):
        people = list(time_trigger.audience(rule).filter(pk__gt=after_id)[:PAGE])
        made = [
            one
            for contact in people
            for one in occurring.occur(time_trigger.run(rule, at, contact, missed=missed), now=now, rule=rule)
        ]
        if len(people) == PAGE:
            queue.enqueue(_page(rule, at, people[-1].pk, missed), now=now)
    return {"rule_id": rule_id, "contacts": len(people), "firings": len(made)}


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


def _guarded(rule: TaskAutomationRule, step: Any) -> int:
    try:
        with transaction.atomic():
            return int(step(rule))
    except Exception as error:
        log.exception("rule %s could not be run on time", rule.pk)
        TaskAutomationRule.objects.filter(pk=rule.pk).update(
            parked_reason=f"It could not be run: {error!r}", planned_for="failed", next_run_at=None
        )
        return 0
