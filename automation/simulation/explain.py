"""Why a rule did or did not fire for a contact: scope, trigger, each condition with its values, policy, its firings."""

from dataclasses import dataclass, field
from datetime import datetime

from automation import events
from automation.events import Event
from automation.history import LedgerHistory
from automation.models import Firing, ParkedPair, TaskAutomationRule
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
    for event in seen:
        starts = ready.covers(event)
        firing = by_key.get(event.key)
        would = _would(rule, event, now) if starts and firing is None else None
        found.looks.append(Look(event, starts, firing, would))
    found.now = _would(rule, current, now) if current is not None else None
    found.sentence = _sentence(rule, found)
    return found


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


def _sentence(rule: TaskAutomationRule, found: Explanation) -> str:
    """The first thing that stands in the way, else what happens next."""
    if not found.active:
        return rule.parked_reason or rule.paused_reason or "The rule is switched off."
    if not found.in_scope:
        return "The rule answers only for contacts that its owner owns, and this is none."
    if found.parked is not None:
        return f"The rule leaves this contact alone: {found.parked.reason}."
    made = next((look for look in found.looks if look.firing is not None), None)
    if made is not None and made.firing is not None and made.firing.outcome == Firing.FIRED:
        return "It fired for the contact's last event that starts it."
    if made is not None and made.firing is not None:
        return f"The last event that starts it came to nothing: {made.firing.reason}."
    unmet = next((clause for clause in found.clauses if not clause.holds), None)
    if unmet is not None:
        read = ", ".join(f"{name} is {value!r}" for name, value in unmet.values.items())
        return f"The condition {unmet.text} does not hold: {read}."
    if found.now is not None and found.now.outcome == "create":
        return "It would fire now."
    if found.now is not None:
        return f"It would not fire now: {found.now.reason}."
    return "Nothing has happened to the contact that starts the rule."
