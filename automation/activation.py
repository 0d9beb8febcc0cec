"""Switching a rule on and off: how many records match now, and none of them worked on unless somebody asks for it."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q

from automation import occurring, pauses, rules, triggers
from automation.audited import RULE
from automation.events import Event
from automation.models import Firing, TaskAutomationRule
from automation.setting_aside import set_aside
from automation.simulation import dry_run
from crm import contacts
from jobs import queue
from people.models import User

PAGE = 200
APPLY_JOB = "automation.tasks.apply_rule"
APPLY_ONE_JOB = "automation.tasks.apply_rule_to_one"


@dataclass(frozen=True)
class Activation:
    """`preview` says what matched when it was switched on, or how many of the first; `job_id` is the job that works on
    all of it, when asked for.
    """

    preview: dry_run.DryRun
    job_id: Any = None


def activate(
    rule: TaskAutomationRule,
    *,
    by: User | None = None,
    now: datetime,
    apply_to_current: bool = False,
    most: int = dry_run.AT_ONCE,
) -> Activation:
    """Switches the rule on. Only with `apply_to_current` do the records that match now get their tasks, and then all
    of them do: `most` is how many are looked at for the answer, which says when there are more.

    Raises BadRule. Safe to repeat, also for a rule that is on: each record is worked on once for one switching on.
    """
    found = dry_run.dry_run(rule, now=now, most=most)
    rules.update(rule, by=by, now=now, is_active=True)
    if not apply_to_current:
        return Activation(found)
    (job_id,) = queue.enqueue(_page(rule, now, 0), now=now)
    return Activation(found, job_id)


def deactivate(rule: TaskAutomationRule, *, by: User | None = None, now: datetime) -> bool:
    """Switches the rule off at once, also one that cannot run; False when it was off already."""
    on = TaskAutomationRule.objects.filter(pk=rule.pk, is_active=True)
    before = rule.stretches_off()
    with RULE.changing(rule, by=by, now=now):
        if not on.update(is_active=False, seen_active=False, off_since=now, off_before=before):
            return False
        pauses.announce(rule, pauses.BY_HAND, pauses.SWITCHED_OFF, now=now, by=by)
    rule.is_active, rule.seen_active, rule.off_since, rule.off_before = False, False, now, before
    return True


def apply(rule_id: int, at: datetime, after_id: int, *, now: datetime) -> dict[str, Any]:
    """One page of what matched when somebody asked; the next one is a job of its own, written with its tasks."""
    rule = _on_since(rule_id, at)
    if rule is None:
        return {"rule_id": rule_id, "skipped": "switched off or deleted meanwhile"}
    with occurring.alone(rule.team_id):
        contacts.notice_changes_by_hand(team_id=rule.team_id, now=now)  # else they would start it once more
        matching = triggers.matching(rule, now=at)
        page = list(islice((event for event in matching if event.subject_id > after_id or not after_id), PAGE))
        made = [one for event in page for one in _guarded(rule, event, at, now)]
        if len(page) == PAGE:
            queue.enqueue(_page(rule, at, page[-1].subject_id), now=now)
    return {"rule_id": rule_id, "examined": len(page), "created": _created(made, now)}


def apply_one(rule_id: int, at: datetime, subject_id: int, *, now: datetime) -> dict[str, Any]:
    """One record that was set aside, tried again by its job."""
    rule = _on_since(rule_id, at)
    if rule is None:
        return {"rule_id": rule_id, "skipped": "switched off or deleted meanwhile"}
    with occurring.alone(rule.team_id):
        event = next((event for event in triggers.matching(rule, now=at) if event.subject_id == subject_id), None)
        made = occurring.occur(event, now=now, rule=rule, asked=True) if event is not None else []
    return {"rule_id": rule_id, "subject_id": subject_id, "created": _created(made, now)}


def _created(made: list[Firing], now: datetime) -> int:
    """Tasks made now; what had fired before is answered again, not made."""
    return sum(one.outcome == Firing.FIRED and one.at == now for one in made)


def _on_since(rule_id: int, at: datetime) -> TaskAutomationRule | None:
    """The rule, unless it is off or was since somebody asked."""
    rows = TaskAutomationRule.objects.live().filter(Q(active_since__lte=at) | Q(active_since__isnull=True), pk=rule_id)
    found: TaskAutomationRule | None = rows.select_related("owner", "team").first()
    return found


def _guarded(rule: TaskAutomationRule, event: Event, at: datetime, now: datetime) -> list[Firing]:
    try:
        with transaction.atomic():
            return occurring.occur(event, now=now, rule=rule, asked=True)
    except Exception:
        args = [rule.pk, at.isoformat(), event.subject_id]
        key = f"rule:{rule.pk}:apply:{at:%Y%m%dT%H%M%S%f}:record:{event.subject_id}"
        set_aside(APPLY_ONE_JOB, args, key=key, team_id=rule.team_id, now=now)
    return []


def _page(rule: TaskAutomationRule, at: datetime, after_id: int) -> queue.Request:
    return queue.Request(
        APPLY_JOB,
        [rule.pk, at.isoformat(), after_id],
        key=f"rule:{rule.pk}:apply:{at:%Y%m%dT%H%M%S%f}:{after_id}",
        team_id=rule.team_id,
        user_id=rule.owner_id,
    )
