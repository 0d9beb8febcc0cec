"""One event and the rules it may start: each (rule, event) is judged once, under the team's queue lock."""

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import transaction

from automation import events, firing, rushes, settling
from automation.events import Event
from automation.models import EngineQueue, Firing, TaskAutomationRule
from automation.readiness import Ready, make_ready, ready_rules
from domain.conditions import ConditionFailed
from jobs import announcing

OFF_MEANWHILE = "the rule was switched off meanwhile"


@contextlib.contextmanager
def alone(team_id: int, *, skip: bool = False) -> Iterator[bool]:
    """One transaction that holds the team's queue. With `skip`, yields False when somebody else holds it.

    What is announced in it is told at its end, at one go.
    """
    EngineQueue.objects.get_or_create(team_id=team_id)
    with transaction.atomic(), announcing.together():
        held = EngineQueue.objects.select_for_update(skip_locked=skip).filter(team_id=team_id).first()
        yield held is not None


def occur(event: Event, *, now: datetime, rule: TaskAutomationRule | None = None, asked: bool = False) -> list[Firing]:
    """Runs the rules over an instant that came, or only the one rule whose instant it is.

    `asked`: somebody applies the rule to it, so it counts also when it happened while the rule was off.
    Call it while holding the team's queue (`alone`). Each (rule, event) is judged once, however often this is called.
    """
    if rule is None:
        ready = ready_rules(event.team_id, now, kinds=(event.kind,))
    else:
        made = make_ready(rule, now) if rule.is_active else None  # it may have paused itself in this batch
        ready = [made] if made is not None else []
    for one in ready:
        one.asked = asked
    return settle_all(ready, event, now)


def conclude_waiting(waited: Firing, *, now: datetime) -> Firing:
    """What has waited is judged, unless its rule does not run any more. Call it while holding the team's queue."""
    rule = waited.rule
    ready = make_ready(rule, now) if rule.is_active and rule.archived_at is None else None
    if ready is None:
        return firing.keep(waited, Firing.SUPPRESSED, OFF_MEANWHILE)
    if waited.reason == settling.WAITS:
        return settling.conclude(ready, waited, now=now)
    event = events.of_firing(waited)
    return rushes.count(ready, firing.settle_waiting(waited, ready.version(now), event, now=now), now)


def settle_all(ready: Iterable[Ready], event: Event, now: datetime) -> list[Firing]:
    """The firings of an event: those it already has are answered, not repeated."""
    matching = [one for one in ready if is_concerned(one, event)]
    if not matching:
        return []
    known = {
        made.rule_id: made
        for made in Firing.objects.filter(
            rule__in=[one.rule for one in matching], trigger_key=event.key
        ).select_related("task", "rule")
    }
    result = []
    for one in matching:
        made = known.get(one.rule.pk) or settle_one(one, event, now)
        if made is not None:
            result.append(made)
    return result


def is_concerned(ready: Ready, event: Event) -> bool:
    """Whether the event is the rule's business at all."""
    return settling.may_settle(ready, event) if settling.settles(ready.rule) else ready.covers(event)


def settle_one(ready: Ready, event: Event, now: datetime) -> Firing | None:
    """The rule's firing for an event it has not seen; None when its condition does not hold, which leaves no row."""
    if settling.settles(ready.rule):
        return settling.follow(ready, event, now=now)
    try:
        if not ready.holds(event, now):
            return None
    except ConditionFailed as failure:
        return firing.fail(ready.rule, ready.version(now), event, failure, now=now)
    return rushes.count(ready, firing.settle(ready.rule, ready.version(now), event, now=now), now)
