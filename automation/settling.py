"""Status rules that let a change settle: judged once, on where the contact ended up.

Each change of the contact within the time moves the waiting firing on; what it began with is kept.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from automation import events, firing, rushes
from automation.events import Event
from automation.models import Firing, TaskAutomationRule
from automation.readiness import Ready
from automation.triggers import status_change
from crm.models import Activity
from domain import settling
from domain.conditions import ConditionFailed

WAITS = "waits for the status to settle"
MOVED_ON = "another change followed before it had settled"
UNMET = "its condition does not hold for the settled status"
ELSEWHERE = "the status settled elsewhere"
CHANGED = "the rule waits for something else meanwhile"


def settles(rule: TaskAutomationRule) -> bool:
    return rule.trigger_type == TaskAutomationRule.STATUS_CHANGE and rule.settle_seconds > 0


def may_settle(ready: Ready, event: Event) -> bool:
    """Any change of a contact in its scope may begin, move or undo what the rule waits for."""
    if ready.stopped or ready.was_off(event):
        return False
    return event.activity_type == Activity.STATUS_CHANGED and event.contact is not None and ready.in_scope(event)


def follow(ready: Ready, event: Event, *, now: datetime) -> Firing:
    """Puts the change on hold, in place of the one before it if that has not settled yet."""
    rule, settle = ready.rule, timedelta(seconds=ready.rule.settle_seconds)
    waiting = Firing.objects.select_for_update().filter(rule=rule, contact=event.contact, outcome=Firing.WAITING)
    before = waiting.filter(reason=WAITS).order_by("-pk").first()
    step = settling.follow(_held(before), event.old_status, event.new_status, at=event.occurred_at, settle=settle)
    if before is not None and step.settled_before:
        conclude(ready, before, now=now)
    elif before is not None:
        firing.keep(before, Firing.SUPPRESSED, MOVED_ON)
    row = replace(event, data={**event.data, "old_status": step.held.began})
    return firing.wait(rule, ready.version(now), row, until=step.held.due_at, reason=WAITS, now=now)


def _held(waited: Firing | None) -> settling.Held | None:
    if waited is None or waited.due_at is None:
        return None
    return settling.Held(waited.data.get("old_status", ""), waited.data.get("new_status", ""), waited.due_at)


def conclude(ready: Ready, waited: Firing, *, now: datetime) -> Firing:
    """Judges the settled change, from where the contact began to where it ended up."""
    event = events.of_firing(waited)
    if ready.rule.trigger_type != TaskAutomationRule.STATUS_CHANGE:
        return firing.keep(waited, Firing.SUPPRESSED, CHANGED)
    if not status_change.fits(ready.rule.trigger_config, event.old_status, event.new_status):
        return firing.keep(waited, Firing.SUPPRESSED, ELSEWHERE)
    try:
        if not ready.holds(event, now):
            return firing.keep(waited, Firing.SUPPRESSED, UNMET)
    except ConditionFailed as failure:
        return firing.keep(waited, Firing.FAILED, str(failure))
    return rushes.count(ready, firing.settle_waiting(waited, ready.version(now), event, now=now), now)
