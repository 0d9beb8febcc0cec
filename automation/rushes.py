"""Counting what a rule makes, and the breaker: one that suddenly makes far more than usual switches itself off."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F

from automation import pauses
from automation.audited import RULE
from automation.models import Firing, TaskAutomationRule
from automation.readiness import Ready
from domain import policies
from notifications import outbox
from notifications.models import Notification

DAYS, HOUR = timedelta(days=7), timedelta(hours=1)


def count(ready: Ready, made: Firing, now: datetime) -> Firing:
    """Moves the rule's counters by what was really made, and watches for a rush. Call it once for each firing."""
    if made.outcome == Firing.FIRED:
        TaskAutomationRule.objects.filter(pk=ready.rule.pk).update(
            times_triggered=F("times_triggered") + 1, tasks_created=F("tasks_created") + 1
        )
        _watch(ready, now)
    return made


def _watch(ready: Ready, now: datetime) -> None:
    """Nearly always one comparison; the history is read only in a rush."""
    rule = ready.rule
    this_hour = ready.made_another(now)
    if not rule.burst or this_hour < rule.burst:
        return
    if policies.is_rush(this_hour, busy_hours(made_lately(rule, now), now), least=rule.burst):
        ready.stopped = True
        _pause(rule, this_hour, now)


def made_lately(rule: TaskAutomationRule, now: datetime) -> list[datetime]:
    """When the rule made its tasks of the last seven days, up to an hour ago."""
    made = Firing.objects.filter(rule=rule, outcome=Firing.FIRED, at__gt=now - DAYS, at__lte=now - HOUR)
    return list(made.values_list("at", flat=True))


def busy_hours(made: Iterable[datetime], now: datetime) -> list[int]:
    """Tasks of each whole hour before the last one, of the last seven days, without the hours in which it rested."""
    return list(Counter((now - at) // HOUR for at in made if HOUR <= now - at < DAYS).values())


def _pause(rule: TaskAutomationRule, this_hour: int, now: datetime) -> None:
    rule.is_active = False  # for whoever goes on with this row in the same batch
    reason = f"It made {this_hour} tasks within an hour, over ten times what is usual for it."
    mine = TaskAutomationRule.objects.filter(pk=rule.pk, is_active=True)
    off = {"off_since": now, "off_before": rule.stretches_off()}
    with RULE.changing(rule, by=None, now=now, verb="paused"):
        if not mine.update(is_active=False, seen_active=False, paused_reason=reason, **off):
            return
        pauses.announce(rule, pauses.RUSH, reason, now=now)
    outbox.tell(
        rule.owner,
        kind=Notification.RULE,
        key=f"rush:{rule.pk}:{now:%Y%m%dT%H%M%S}",
        title=f"“{rule.name}” switched itself off",
        body=f"{reason} Look at what it made, then switch it on again or raise its limit.",
        path=f"/automations/task-scheduling/{rule.pk}",
        now=now,
    )
