"""A rule replayed over the ledger between two dates, on a virtual clock: the tasks it would have made, their load."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from automation import rules
from automation.events import Event
from automation.models import Firing, TaskAutomationRule
from automation.simulation.dry_run import sound
from automation.simulation.trial import Result, Trial
from automation.triggers import KINDS
from automation.triggers.past import Past
from domain import calendars
from people import hours
from people.models import User
from work import capacity
from work.models import Task

MOST_DAYS = 366
USUALLY_OPEN = timedelta(hours=24)
"""How long a task stays open when the rule has no finished ones to tell."""


Step = Callable[[float], None]
"""Told before each event which share of them is behind, from 0 to 1; what it raises ends the replay."""


class BadSpan(ValueError):
    """The dates cannot be replayed; the message says which can."""


class TooLong(RuntimeError):
    """It takes longer than somebody was willing to wait; the message says what to do. Nothing of it is answered: the
    days of half a replay would be wrong."""


def within(seconds: float) -> Step:
    """A step that raises TooLong once so many seconds have gone by since this was called."""
    until = time.monotonic() + seconds

    def step(_share: float) -> None:
        if time.monotonic() > until:
            raise TooLong(f"It takes longer than {seconds:g} seconds: choose fewer days.")

    return step


@dataclass
class Backtest:
    """What the rule would have done. Days are local to the task's owner; hours are estimates, the usual where none."""

    results: list[Result] = field(default_factory=list)
    done_after: timedelta | None = None

    @property
    def created(self) -> list[Result]:
        return [one for one in self.results if one.outcome == "create"]

    @property
    def counts(self) -> Counter[str]:
        return Counter(one.outcome for one in self.results)

    @property
    def reasons(self) -> Counter[str]:
        return Counter(one.reason for one in self.results if one.outcome not in ("create", "out_of_scope"))

    def keys(self) -> set[str]:
        """The events that would have made a task."""
        return {one.event.key for one in self.created}


@dataclass(frozen=True)
class Load:
    """One owner's day: tasks that fall due, their hours, and the hours there are."""

    on: date
    owner: User
    tasks: int
    hours: Decimal
    capacity: Decimal


def backtest(
    rule: TaskAutomationRule,
    *,
    start: datetime,
    end: datetime,
    done_after: timedelta | None = None,
    step: Step = lambda _share: None,
) -> Backtest:
    """Replays [start, end). The same rule over the same rows gives the same answer, whenever and wherever it is asked.

    A simulated task counts as done after `done_after`; left out, after the median of the rule's own finished tasks,
    else a day. Contacts are taken as they stand now. Raises BadRule, BadSpan, and what `step` raises.
    """
    check_span(start, end)
    ready = sound(rule)
    open_for = done_after if done_after is not None else usually_open(rule)
    trial = Trial(ready, done_after=open_for)
    found = Backtest(done_after=open_for)
    events = in_order(rule, Past(rule.team, start, end), step)
    for place, event in enumerate(events):
        step(place / len(events))
        found.results += trial.advance(event.received_at)
        found.results += trial.consider(event, now=event.received_at)
    found.results += trial.advance(end)
    step(1.0)
    return found


def check_span(start: datetime, end: datetime) -> None:
    """Raises BadSpan for dates that cannot be replayed."""
    if not timedelta() < end - start <= timedelta(days=MOST_DAYS):
        raise BadSpan(f"The end lies after the start, and at most {MOST_DAYS} days: choose other dates.")


def usually_open(rule: TaskAutomationRule) -> timedelta:
    """The median time from creation to completion of the rule's tasks."""
    done = Task.objects.filter(firings__rule=rule, status=Task.DONE, completed_at__isnull=False) if rule.pk else []
    spans = [task.completed_at - task.created_at for task in done]
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else USUALLY_OPEN


def difference(draft: Backtest, live: Backtest) -> dict[str, Any]:
    """What the draft would have made that the live version would not, and the other way round, by event."""
    more, less = draft.keys() - live.keys(), live.keys() - draft.keys()
    return {
        "created": len(draft.created) - len(live.created),
        "only_draft": sorted(more),
        "only_live": sorted(less),
    }


def live_version(rule: TaskAutomationRule) -> TaskAutomationRule | None:
    """The rule as it is saved, when the draft at hand says something else."""
    saved = TaskAutomationRule.objects.select_related("owner", "team").filter(pk=rule.pk).first()
    if saved is None or rules.content_hash(saved) == rules.content_hash(rule):
        return None
    return saved


def loads(found: Backtest) -> list[Load]:
    """Tasks and hours by owner and day they fall due, against the working hours of that day. In order of day."""
    usual = capacity.UsualEstimates()
    tasks: Counter[tuple[date, int]] = Counter()
    booked: dict[tuple[date, int], Decimal] = {}
    owners: dict[int, User] = {}
    for one in found.created:
        assert one.draft is not None  # what was created has its draft
        owner = owners.setdefault(one.draft.owner.pk, one.draft.owner)
        key = (one.draft.due_date.astimezone(hours.zone_of(owner).zone).date(), owner.pk)
        tasks[key] += 1
        booked[key] = booked.get(key, Decimal(0)) + _estimate(one, usual)
    plans = hours.schedules(owners.values())
    return [Load(on, owners[pk], tasks[on, pk], booked[on, pk], _working(plans[pk], on)) for on, pk in sorted(tasks)]


def _estimate(one: Result, usual: capacity.UsualEstimates) -> Decimal:
    assert one.draft is not None
    return one.draft.estimated_hours or usual.of(one.event.team_id, one.draft.kind)


def _working(plan: calendars.Schedule, on: date) -> Decimal:
    start = calendars.from_wall(datetime.combine(on, datetime.min.time()), plan.zone)
    end = calendars.from_wall(datetime.combine(on + timedelta(days=1), datetime.min.time()), plan.zone)
    return calendars.working_hours(plan, start=start, end=end)


def in_order(rule: TaskAutomationRule, ledger: Past, step: Step = lambda _share: None) -> list[Event]:
    """By the clock: rows of the ledger as they arrived, instants as they came; twins in the order of their keys."""
    found = []
    for pair in enumerate(KINDS[rule.trigger_type].past(rule, ledger)):
        step(0.0)
        found.append(pair)
    return [event for _, event in sorted(found, key=lambda pair: (pair[1].received_at, pair[0]))]


def real_firings(rule: TaskAutomationRule, start: datetime, end: datetime) -> int:
    """Tasks the rule really made of events between the dates, to hold the forecast against."""
    fired = Firing.objects.filter(rule=rule, outcome=Firing.FIRED)
    return fired.filter(occurred_at__gte=start, occurred_at__lt=end).count()
