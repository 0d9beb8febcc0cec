"""Status rules that let a change settle: judged once, on where the contact ended up.

Each change of the contact within the time moves the waiting firing on; what it began with is kept.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from automation import events, firing
from automation.events import Event
from automation.models import Firing, TaskAutomationRule
from automation.readiness import Ready
from automation.triggers import status_change
from crm.models import Activity
from domain.conditions import ConditionFailed

WAITS = "waits for the status to settle"
MOVED_ON = "another change followed before it had settled"
UNMET = "its condition does not hold for the settled status"
ELSEWHERE = "the status settled elsewhere"


def settles(rule: TaskAutomationRule) -> bool:
    return rule.trigger_type == TaskAutomationRule.STATUS_CHANGE and rule.settle_seconds > 0


def may_settle(ready: Ready, event: Event) -> bool:
    """Any change of a contact in its scope may begin, move or undo what the rule waits for."""
    rule = ready.rule
    if ready.stopped or rule.was_off(event.received_at) or rule.was_off(event.occurred_at):
        return False
    return event.activity_type == Activity.STATUS_CHANGED and event.contact is not None and ready.in_scope(event)


def follow(ready: Ready, event: Event, *, now: datetime) -> Firing:
    """Puts the change on hold, in place of the one before it if that has not settled yet."""
    rule = ready.rule
    began = event.old_status
    waiting = Firing.objects.select_for_update().filter(rule=rule, contact=event.contact, outcome=Firing.WAITING)
    for before in waiting.filter(reason=WAITS).order_by("pk"):
        if before.due_at is not None and before.due_at <= event.occurred_at:
            conclude(ready, before, now=now)
        else:
            began = str(before.data.get("old_status") or began)
            firing.keep(before, Firing.SUPPRESSED, MOVED_ON)
    held = replace(event, data={**event.data, "old_status": began})
    until = event.occurred_at + timedelta(seconds=rule.settle_seconds)
    return firing.wait(rule, ready.version(now), held, until=until, reason=WAITS, now=now)


def conclude(ready: Ready, waited: Firing, *, now: datetime) -> Firing:
    """Judges the settled change, from where the contact began to where it ended up."""
    event = events.of_firing(waited)
    if not status_change.fits(ready.rule.trigger_config, event.old_status, event.new_status):
        return firing.keep(waited, Firing.SUPPRESSED, ELSEWHERE)
    try:
        if not ready.holds(event, now):
            return firing.keep(waited, Firing.SUPPRESSED, UNMET)
    except ConditionFailed as failure:
        return firing.keep(waited, Firing.FAILED, str(failure))
    return firing.settle_waiting(waited, ready.version(now), event, now=now)
