"""Why a rule did or did not fire for a contact: scope, trigger, each condition with its values, policy, its firings."""

from dataclasses import dataclass, field
from datetime import datetime

from automation import events
from automation.events import Event
from automation.history import LedgerHistory
from automation.models import Firing, ParkedPair, TaskAutomationRule
from automation.readiness import Ready
from automation.simulation.dry_run import sound
from automation.simulation.trial import Result, Trial
from automation.triggers import KINDS
from automation.values import of as values_of
from crm.models import Activity, Contact
from domain import conditions

NEWEST = 20


@dataclass(frozen=True)
class Look:
    """One recent event of the contact: whether it starts the rule, what came of it, else why nothing did."""

    event: Event
    starts: bool
    firing: Firing | None
    would: Result | None
    off: bool = False
    """It would start the rule, which was off then."""


@dataclass
class Explanation:
    """The answer to "why did this not fire", in the order in which the engine asks."""

    active: bool
    in_scope: bool
    parked: ParkedPair | None
    clauses: list[conditions.Clause] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    now: Result | None = None
    sentence: str = ""


def explain(rule: TaskAutomationRule, contact: Contact, *, now: datetime) -> Explanation:
    """Looks at the contact as it stands and at its newest events. Raises BadRule for a rule that cannot run."""
    ready = sound(rule)
    seen = _newest_events(contact)
    current = next(KINDS[rule.trigger_type].current(rule, now=now, only=contact), None)
    newest = current or next((event for event in seen if ready.covers(event)), None) or _bare(rule, contact, now)
    found = Explanation(
        active=rule.is_active and rule.archived_at is None and not rule.parked_reason,
        in_scope=ready.in_scope(newest),
        parked=ParkedPair.objects.filter(rule=rule, contact=contact, released_at__isnull=True).first(),
        clauses=conditions.explain(rule.condition, values_of(newest, rule.team, now=now), now=now),
        firings=list(Firing.objects.filter(rule=rule, contact=contact).select_related("task").order_by("-at")[:NEWEST]),
    )
    by_key = {firing.trigger_key: firing for firing in found.firings}
    found.looks = [_look(ready, event, by_key.get(event.key), now) for event in seen]
    found.now = _would(rule, current, now) if current is not None else None
    last = next((look for look in found.looks if look.starts or look.off), None)
    if last is None and current is not None:
        last = Look(current, True, by_key.get(current.key), found.now)
    found.sentence = _sentence(rule, found, last)
    return found


def _look(ready: Ready, event: Event, firing: Firing | None, now: datetime) -> Look:
    starts = ready.covers(event)
    would = _would(ready.rule, event, now) if starts and firing is None else None
    off = not starts and KINDS[ready.rule.trigger_type].matches(ready.rule.trigger_config, event)
    return Look(event, starts, firing, would, off=off and ready.in_scope(event))


def _newest_events(contact: Contact) -> list[Event]:
    rows = Activity.objects.filter(contact=contact).order_by("-occurred_at", "-pk")[:NEWEST]
    found = []
    for activity in rows:
        activity.contact = contact
        found.append(events.of_activity(activity))
    return found


def _bare(rule: TaskAutomationRule, contact: Contact, now: datetime) -> Event:
    """The contact alone, for the conditions to be asked about when nothing has happened."""
    return Event(rule.trigger_type, "explain", rule.team_id, now, now, contact=contact)


def _would(rule: TaskAutomationRule, event: Event, now: datetime) -> Result | None:
    """What the engine would decide for the event now, had the contact's status settled."""
    trial = Trial(sound(rule), done_after=None, ledger=LedgerHistory, settled=True)
    return next(trial.consider(event, now=now), None)


def _sentence(rule: TaskAutomationRule, found: Explanation, last: Look | None) -> str:
    """The first thing that stands in the way, else what happens next. `last` is what started it, or would, last."""
    if not found.active:
        return rule.parked_reason or rule.paused_reason or "The rule is switched off."
    if not found.in_scope:
        return "The rule answers only for contacts that its owner owns, and this is none."
    if found.parked is not None:
        return f"The rule leaves this contact alone: {found.parked.reason}."
    if last is not None and last.firing is not None:
        return _came_of(last.firing)
    if last is not None and last.off:
        return "The rule was off when the last event that starts it happened."
    unmet = next((clause for clause in found.clauses if not clause.holds), None)
    if unmet is not None and unmet.fault:
        return f"Nobody can say whether the condition {unmet.text} holds: {unmet.fault}"
    if unmet is not None:
        read = ", ".join(f"{name} is {value!r}" for name, value in unmet.values.items())
        return f"The condition {unmet.text} does not hold: {read}."
    if found.now is None:
        return "Nothing has happened to the contact that starts the rule."
    if found.now.outcome != "create":
        return f"It would not fire now: {found.now.reason}."
    return _would_fire(rule, last)


def _came_of(firing: Firing) -> str:
    if firing.outcome == Firing.FIRED:
        return "It fired for the contact's last event that starts it."
    if firing.outcome == Firing.WAITING:
        until = f", until {firing.due_at:%Y-%m-%d %H:%M} UTC" if firing.due_at is not None else ""
        return f"The last event that starts it is on hold{until}: {firing.reason}."
    return f"The last event that starts it came to nothing: {firing.reason}."


def _would_fire(rule: TaskAutomationRule, last: Look | None) -> str:
    """What is past is not looked at again: a rule made or changed since, or a contact, waits for the next one."""
    if rule.trigger_type == TaskAutomationRule.TIME:
        if rule.next_run_at is None:
            return "It has no run to come."
        return f"It would fire at its next run, {rule.next_run_at:%Y-%m-%d %H:%M} UTC."
    if last is None:
        return "It would fire now."
    activity = last.event.activity
    if activity is None and rule.trigger_type == TaskAutomationRule.STATUS_CHANGE:
        return "The contact has the status, but did not change to it lately. For such a change it would fire."
    if activity is None and _is_past(rule, last.event):
        return "That was so before the rule looked, and it looks forward. For another time it would fire."
    if activity is None or activity.processed_at is None:
        return "It would fire now."
    if activity.processed_at < rule.created_at:
        return "The rule was made after the last event that starts it. For another one it would fire."
    return "When the last event that starts it came, rule or contact stood otherwise. For another one it would fire."


def _is_past(rule: TaskAutomationRule, event: Event) -> bool:
    """Whether the sweeps are done with an instant that came."""
    contact = event.contact
    if rule.trigger_type == TaskAutomationRule.CADENCE:
        return contact is not None and contact.touched_for == contact.next_touch_at
    if rule.trigger_type == TaskAutomationRule.OVERDUE and event.task is None:
        return contact is not None and contact.missed_for == contact.next_touch_at
    return rule.planned_at is not None and event.occurred_at <= rule.planned_at
