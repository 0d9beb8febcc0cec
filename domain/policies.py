"""Whether a rule fires for an event: age, origin, signal, loops, repeat policy and limits, decided from plain facts.

The engine asks with the database behind `History`, a simulation with a list in memory: the decision is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

TOO_OLD = "the event is older than the rule allows"
IMPORTED = "imported events do not fire"
MACHINE = "opened or clicked by a program"
OWN_EFFECT = "the rule caused it itself"
PARKED = "parked for this contact: it ran in circles"
STILL_OPEN = "its task for this contact is still open"
ONCE_ONLY = "it fired for this contact before"
IN_WINDOW = "it fired for this contact within its window"
OVER_HOUR = "over the rule's limit for an hour"
OVER_OWNER = "over the owner's limit for a day"
OVER_CONTACT = "over the contact's limit for a day"

MOST_DEPTH = 5
MOST_AN_HOUR = 10
HOUR = timedelta(hours=1)
BURST_FACTOR = 10
"""A rush pauses a rule at this many times its usual hour."""

Repeat = Literal["once_while_open", "once_ever", "once_per_window", "every_time"]


@dataclass(frozen=True)
class Policy:
    """What a rule says about when to fire. Limits that are None do not exist."""

    repeat: str = "once_while_open"
    window: timedelta = timedelta(hours=24)
    max_event_age: timedelta = timedelta(hours=72)
    fires_on_imports: bool = False
    fires_on_machines: bool = False
    limit_per_hour: int | None = None
    limit_owner_day: int | None = None
    limit_contact_day: int | None = None
    overflow: str = "delay"


@dataclass(frozen=True)
class Occurrence:
    """An event as far as policies care. `path` holds the rules that led to it, the first cause first."""

    rule_id: int
    occurred_at: datetime
    received_at: datetime
    origin: str = "live"
    signal: str = "unknown"
    path: tuple[int, ...] = ()


class History(Protocol):
    """What the rule has done for the event's contact, and others for its owner. Asked only as far as needed.

    A firing that waits counts as one that fired, so that nothing fires twice once it does.
    """

    def is_parked(self) -> bool:
        """Whether the pair of rule and contact was parked and nobody has let it go on."""

    def has_open_task(self) -> bool:
        """Whether a task of the rule for the contact is open, or a firing waits to make one."""

    def has_fired(self) -> bool:
        """Whether the rule ever fired for the contact."""

    def has_fired_after(self, instant: datetime) -> bool:
        """Whether it fired for the contact for an event after the instant."""

    def pair_count(self, since: datetime) -> int:
        """Times it fired for the contact after the instant, by the clock of deciding, since it was last released."""

    def rule_instants(self, since: datetime) -> Sequence[datetime]:
        """When the rule fired after the instant, ascending."""

    def owner_count(self, start: datetime) -> int:
        """Tasks that rules made for the owner since the start of the owner's day."""

    def contact_count(self, start: datetime) -> int:
        """Tasks that rules made for the contact since the start of the contact's day."""


@dataclass(frozen=True)
class Day:
    """A local day as instants: it began at `start`, the next begins at `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Verdict:
    """What becomes of the event: "fire", "suppress" with why, "park" the pair, or "wait" until an instant."""

    outcome: Literal["fire", "suppress", "park", "wait"]
    reason: str = ""
    until: datetime | None = None


FIRE = Verdict("fire")


def judge(
    policy: Policy,
    event: Occurrence,
    history: History,
    *,
    now: datetime,
    owner_day: Day | None,
    contact_day: Day | None,
) -> Verdict:
    """The one decision. The cheap questions come first; the first that says no gives the reason."""
    reason = _unfit(policy, event)
    if reason is not None:
        return Verdict("suppress", reason)
    if history.is_parked():
        return Verdict("suppress", PARKED)
    if event.rule_id in event.path:
        return Verdict("suppress", OWN_EFFECT)
    if len(event.path) > MOST_DEPTH:
        return Verdict("park", f"{len(event.path)} rules deep: more than {MOST_DEPTH} set each other off")
    reason = _repeated(policy, event, history)
    if reason is not None:
        return Verdict("suppress", reason)
    if history.pair_count(now - HOUR) >= MOST_AN_HOUR:
        return Verdict("park", f"it fired {MOST_AN_HOUR} times within an hour for this contact")
    return _within_limits(policy, history, now, owner_day, contact_day)


def _unfit(policy: Policy, event: Occurrence) -> str | None:
    if event.received_at - event.occurred_at > policy.max_event_age:
        return TOO_OLD
    if event.origin == "import" and not policy.fires_on_imports:
        return IMPORTED
    if event.signal == "machine" and not policy.fires_on_machines:
        return MACHINE
    return None


def _repeated(policy: Policy, event: Occurrence, history: History) -> str | None:
    if policy.repeat == "once_while_open":
        return STILL_OPEN if history.has_open_task() else None
    if policy.repeat == "once_ever":
        return ONCE_ONLY if history.has_fired() else None
    if policy.repeat == "once_per_window":
        return IN_WINDOW if history.has_fired_after(event.occurred_at - policy.window) else None
    return None


def _within_limits(
    policy: Policy, history: History, now: datetime, owner_day: Day | None, contact_day: Day | None
) -> Verdict:
    if policy.limit_per_hour is not None:
        instants = history.rule_instants(now - HOUR)
        if len(instants) >= policy.limit_per_hour:
            return _overflow(policy, OVER_HOUR, instants[-policy.limit_per_hour] + HOUR)
    most = policy.limit_owner_day
    if most is not None and owner_day is not None and history.owner_count(owner_day.start) >= most:
        return _overflow(policy, OVER_OWNER, owner_day.end)
    most = policy.limit_contact_day
    if most is not None and contact_day is not None and history.contact_count(contact_day.start) >= most:
        return _overflow(policy, OVER_CONTACT, contact_day.end)
    return FIRE


def _overflow(policy: Policy, reason: str, until: datetime) -> Verdict:
    return Verdict("wait", reason, until) if policy.overflow == "delay" else Verdict("suppress", reason)


def is_rush(this_hour: int, hours_before: Sequence[int], *, least: int) -> bool:
    """Whether a rule that made `this_hour` tasks within an hour should pause itself.

    `hours_before` are the counts of those hours of the last seven days in which it made any: hours of rest would
    make the usual hour of every rule zero. Over ten times their median, and at least `least`; 0 never pauses.
    """
    if not least or this_hour < least:
        return False
    ordered = sorted(hours_before)
    middle = len(ordered) // 2
    usual = 0.0
    if ordered:
        usual = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return this_hour > BURST_FACTOR * usual
