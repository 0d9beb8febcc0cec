"""One rule tried on events without writing anything: what the engine would decide, from what it would have decided."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from automation import chains, drafting, occurring, rushes, settling, values
from automation.drafting import Draft
from automation.events import Event
from automation.models import Firing, TaskAutomationRule
from automation.readiness import Ready
from automation.simulation.memory import Made, Memory, MemoryHistory
from automation.triggers import status_change
from crm.models import Contact
from domain import conditions, policies, templating
from domain import settling as settling_rules
from people.models import User

Outcome = Literal["create", "suppressed", "no_match", "failed", "waiting", "out_of_scope"]
ANSWERED = "the rule has judged this already"
PAUSED = "it would have switched itself off by then, for making too many at once"
Ledger = Callable[[TaskAutomationRule, Contact | None, User], policies.History]


@dataclass(frozen=True)
class Result:
    """What would become of one event, and why; `draft` is the task, `clause` the condition that does not hold."""

    event: Event
    outcome: Outcome
    reason: str = ""
    at: datetime | None = None
    draft: Draft | None = None
    clause: conditions.Clause | None = None
    until: datetime | None = None


@dataclass(order=True)
class _Waiting:
    until: datetime
    number: int
    event: Event = field(compare=False)
    made: Made = field(compare=False)
    path: tuple[int, ...] = field(compare=False)
    settles: bool = field(compare=False, default=False)
    held: settling_rules.Held | None = field(compare=False, default=None)
    dropped: bool = field(compare=False, default=False)


class Trial:
    """Feed it events in the order of the clock; `advance` lets what waits come due. `ledger` adds what really was.

    With `settled`, a change of status is taken for the end of its row. A rush pauses it as it would pause the rule.
    """

    def __init__(
        self, ready: Ready, *, done_after: timedelta | None, ledger: Ledger | None = None, settled: bool = False
    ) -> None:
        self.ready, self.rule, self.ledger = ready, ready.rule, ledger
        ready.asked = True  # a rule that was off, or is, is tried all the same
        self.settles = settling.settles(ready.rule) and not settled
        self.memory = Memory(done_after)
        self.paused = False
        self._really_made: list[datetime] | None = None
        self._really_this_hour: int | None = None
        self._waiting: list[_Waiting] = []
        self._number = 0

    def advance(self, now: datetime) -> Iterator[Result]:
        """What comes due up to and including `now`, each at its own instant."""
        while self._waiting and self._waiting[0].until <= now:
            waiting = heapq.heappop(self._waiting)
            if not waiting.dropped:
                yield self._conclude(waiting, waiting.until)

    def consider(self, event: Event, *, now: datetime) -> Iterator[Result]:
        """What becomes of the event, and of what it moves on."""
        if self.settles:
            if not self.paused and settling.may_settle(self.ready, event):
                yield from self._hold(event, now)
            return
        if not self.ready.in_scope(event):
            yield Result(event, "out_of_scope", "not a contact of the rule's owner", now)
            return
        yield self._decide(event, chains.of(event).path, now)

    def _decide(
        self, event: Event, path: tuple[int, ...], now: datetime, *, met: bool = False, number: int | None = None
    ) -> Result:
        """`number` is the place of one that has waited: it keeps it, as its row does."""
        unmet = None if met else self._unmet(event, now)
        if self.paused and (unmet is None or unmet.outcome == "failed"):
            return Result(event, "suppressed", PAUSED, now)
        if unmet is not None:
            return unmet
        if self.ledger is not None and self._is_answered(event):
            return Result(event, "suppressed", ANSWERED, now)
        owner = drafting.owner_for(self.rule, event.contact)
        verdict = policies.judge(
            drafting.policy_of(self.rule),
            drafting.occurrence_of(self.rule, event, path),
            self._history(event, owner, now),
            now=now,
            owner_day=drafting.owner_day(self.rule, owner, now),
            contact_day=drafting.contact_day(self.rule, event.contact, owner, now),
        )
        return self._carry_out(event, path, verdict, owner, now, number or self._next())

    def _carry_out(
        self, event: Event, path: tuple[int, ...], verdict: policies.Verdict, owner: User, now: datetime, number: int
    ) -> Result:
        contact_id = event.contact.pk if event.contact is not None else None
        if verdict.outcome == "fire":
            try:
                draft = drafting.draft(self.rule, event, now=now)
            except templating.TemplateError as failure:
                return Result(event, "failed", str(failure), now)
            self.memory.keep(contact_id, owner.pk, event.occurred_at, now)
            self.paused = self._is_rush(now)
            return Result(event, "create", "", now, draft)
        if verdict.outcome == "wait":
            assert verdict.until is not None
            made = self.memory.keep(contact_id, owner.pk, event.occurred_at, now)
            made.waits = True
            self._push(_Waiting(verdict.until, number, event, made, path))
            return Result(event, "waiting", verdict.reason, now, until=verdict.until)
        if verdict.outcome == "park":
            self.memory.parked.add(contact_id)
        return Result(event, "suppressed", verdict.reason, now)

    def _is_rush(self, now: datetime) -> bool:
        """As `rushes` watches the rule: what it really made counts too, in earlier hours for what is usual."""
        if not self.rule.burst:
            return False
        if self._really_this_hour is None:
            lives = self.ledger is not None and self.rule.is_active
            self._really_this_hour = rushes.made_this_hour(self.ready.rule, now) if lives else 0
        hour_ago = now - rushes.HOUR
        this_hour = sum(one.at > hour_ago and not one.waits for one in self.memory.since(hour_ago))
        this_hour += self._really_this_hour
        if this_hour < self.rule.burst:
            return False
        if self._really_made is None:
            self._really_made = rushes.made_lately(self.rule, now) if self.ledger is not None else []
        made = [*self._really_made, *(one.at for one in self.memory.made if not one.waits)]
        return policies.is_rush(this_hour, rushes.busy_hours(made, now), least=self.rule.burst)

    def _unmet(self, event: Event, now: datetime) -> Result | None:
        """Why the condition does not hold, with the first part that says so; None when it does."""
        if not self.ready.condition.text:
            return None
        try:
            if self.ready.holds(event, now):
                return None
        except conditions.ConditionFailed as failure:
            return Result(event, "failed", str(failure), now)
        known = values.of(event, self.rule.team, now=now)
        clauses = conditions.explain(self.rule.condition, known, now=now)
        first = next((clause for clause in clauses if not clause.holds), None)
        return Result(event, "no_match", first.text if first else self.rule.condition, now, clause=first)

    def _hold(self, event: Event, now: datetime) -> Iterator[Result]:
        """As `settling.follow`: the change takes the place of the one on hold, or lets that come to its end first."""
        contact_id = event.contact.pk if event.contact is not None else None
        same = (one for one in self._waiting if one.settles and not one.dropped and one.made.contact_id == contact_id)
        before = next(same, None)
        settle = timedelta(seconds=self.rule.settle_seconds)
        held = before.held if before is not None else None
        step = settling_rules.follow(held, event.old_status, event.new_status, at=event.occurred_at, settle=settle)
        if before is not None:
            before.dropped = True
            if step.settled_before:
                yield self._conclude(before, now)
            else:
                self.memory.forget(before.made)
                yield Result(before.event, "suppressed", settling.MOVED_ON, now)
        row = replace(event, data={**event.data, "old_status": step.held.began})
        made = self.memory.keep(contact_id, None, event.occurred_at, now)
        made.waits = True
        path = chains.of(event).path
        self._push(_Waiting(step.held.due_at, self._next(), row, made, path, settles=True, held=step.held))

    def _conclude(self, waiting: _Waiting, now: datetime) -> Result:
        event = waiting.event
        self.memory.forget(waiting.made)
        if self.paused:
            return Result(event, "suppressed", occurring.OFF_MEANWHILE, now)
        if not waiting.settles:
            return self._decide(event, waiting.path, now, met=True, number=waiting.number)
        if not status_change.fits(self.rule.trigger_config, event.old_status, event.new_status):
            return Result(event, "suppressed", settling.ELSEWHERE, now)
        unmet = self._unmet(event, now)
        if unmet is not None and unmet.outcome == "no_match":
            return replace(unmet, outcome="suppressed", reason=settling.UNMET)
        return unmet or self._decide(event, waiting.path, now, met=True, number=waiting.number)

    def _is_answered(self, event: Event) -> bool:
        """Each event is judged once: what really was, the engine answers again and does not repeat."""
        return Firing.objects.filter(rule=self.rule, trigger_key=event.key).exists()

    def _history(self, event: Event, owner: User, now: datetime) -> policies.History:
        also = self.ledger(self.rule, event.contact, owner) if self.ledger is not None else None
        contact_id = event.contact.pk if event.contact is not None else None
        return MemoryHistory(self.memory, contact_id, owner.pk, now, also=also)

    def _push(self, waiting: _Waiting) -> None:
        heapq.heappush(self._waiting, waiting)

    def _next(self) -> int:
        self._number += 1
        return self._number
