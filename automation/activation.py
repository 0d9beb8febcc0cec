"""Switching a rule on and off: how many records match now, and none of them worked on unless somebody asks for it."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from automation import occurring, rules
from automation.models import Firing, TaskAutomationRule
from automation.simulation import dry_run
from automation.triggers import KINDS
from jobs import queue

PAGE = 200
APPLY_JOB = "automation.tasks.apply_rule"


@dataclass(frozen=True)
class Activation:
    """`preview` says what matched when it was switched on; `job_id` is the job that works on it, when asked for."""

    preview: dry_run.DryRun
    job_id: Any = None


def activate(rule: TaskAutomationRule, *, now: datetime, apply_to_current: bool = False) -> Activation:
    """Switches the rule on. Only with `apply_to_current` do the records that match now get their tasks.

    Raises BadRule. Safe to repeat: each record is worked on once for one switching on.
    """
    preview = dry_run.dry_run(rule, now=now)
    rules.update(rule, now=now, is_active=True)
    if not apply_to_current:
        return Activation(preview)
    at = rule.active_since or now
    (job_id,) = queue.enqueue(_page(rule, at, 0), now=now)
    return Activation(preview, job_id)


def deactivate(rule: TaskAutomationRule, *, now: datetime) -> bool:
    """Switches the rule off at once, also one that cannot run; False when it was off already."""
    on = TaskAutomationRule.objects.filter(pk=rule.pk, is_active=True)
    if not on.update(is_active=False, seen_active=False, off_since=now):
        return False
    rule.is_active, rule.seen_active, rule.off_since = False, False, now
    return True


def apply(rule_id: int, at: datetime, after_id: int, *, now: datetime) -> dict[str, Any]:
    """One page of what matched at the switching on; the next one is a job of its own, written with its tasks."""
    rule = TaskAutomationRule.objects.live().select_related("owner", "team").filter(pk=rule_id).first()
    if rule is None:
        return {"rule_id": rule_id, "skipped": "switched off or deleted meanwhile"}
    with occurring.alone(rule.team_id):
        matching = KINDS[rule.trigger_type].current(rule, now=at)
        page = list(islice((event for event in matching if event.subject_id > after_id or not after_id), PAGE))
        made = [one for event in page for one in occurring.occur(event, now=now, rule=rule)]
        if len(page) == PAGE:
            queue.enqueue(_page(rule, at, page[-1].subject_id), now=now)
    return {"rule_id": rule_id, "examined": len(page), "created": sum(one.outcome == Firing.FIRED for one in made)}


def _page(rule: TaskAutomationRule, at: datetime, after_id: int) -> queue.Request:
    return queue.Request(
        APPLY_JOB,
        [rule.pk, at.isoformat(), after_id],
        key=f"rule:{rule.pk}:apply:{at:%Y%m%dT%H%M%S%f}:{after_id}",
        team_id=rule.team_id,
        user_id=rule.owner_id,
    )
