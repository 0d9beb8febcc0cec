"""What rules, sequences and campaigns did and what became of it, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, F, Q, QuerySet, Value, When

from automation.models import Campaign, Enrolment, EnrolmentStep, Firing, Programme, Sequence, TaskAutomationRule
from domain import calendars
from people.models import Team
from work.models import Task

DAYS = 30
"""How far back the figures by day and the median go."""

Figures = dict[str, Any]


@dataclass(frozen=True)
class Counted:
    """What was counted at an instant, by id of the rule, the sequence and the campaign."""

    at: datetime
    rules: dict[int, Figures]
    sequences: dict[int, Figures]
    campaigns: dict[int, Figures]

    def of_rule(self, rule: TaskAutomationRule) -> Figures:
        """Its figures; a rule that was written since has done nothing."""
        return self.rules.get(rule.pk) or in_order(_blank())


@dataclass(frozen=True)
class Counting:
    """All in a team that has figures."""

    team: Team
    rules: Rows[TaskAutomationRule]
    sequences: Rows[Programme]
    campaigns: Rows[Programme]

    @classmethod
    def of(cls, team: Team) -> "Counting":
        own = {"team": team, "archived_at__isnull": True}
        return cls(
            team,
            list(TaskAutomationRule.objects.filter(**own).order_by("pk")),
            list(Sequence.objects.filter(**own).order_by("pk")),
            list(Campaign.objects.filter(**own).order_by("pk")),
        )


def of_team(counting: Counting, counted: Counted) -> Figures:
    """The statistics of what a team has, with the figures that were counted; what came since has none yet."""
    rules = counting.rules
    return {
        "counted_at": counted.at,
        "total_rules": len(rules),
        "active_rules": sum(rule.is_active for rule in rules),
        "times_triggered": sum(rule.times_triggered for rule in rules),
        "tasks_created": sum(rule.tasks_created for rule in rules),
        "rules": [
            {
                "id": rule.pk,
                "name": rule.name,
                "is_active": rule.is_active,
                "times_triggered": rule.times_triggered,
                "tasks_created": rule.tasks_created,
                **counted.of_rule(rule),
            }
            for rule in rules
        ],
        "sequences": _named(counting.sequences, counted.sequences),
        "campaigns": _named(counting.campaigns, counted.campaigns),
    }


def _named(rows: Rows[Programme], figures: dict[int, Figures]) -> list[Figures]:
    return [
        {
            "id": row.pk,
            "name": row.name,
            "is_active": row.is_active,
            **(figures.get(row.pk) or in_order(_blank() | _blank_enrolments())),
        }
        for row in rows
    ]


def count(counting: Counting, *, now: datetime, days: int = DAYS) -> Counted:
    """Per rule, sequence and campaign what they did and what became of it, in a constant number of queries."""
    window = _Window.of(counting.team, now, days)
    return Counted(
        now,
        _of_rules(counting.rules, window),
        _of_programmes(counting.sequences, "sequence", window),
        _of_programmes(counting.campaigns, "campaign", window),
    )


def _of_rules(rules: Rows[TaskAutomationRule], window: "_Window") -> dict[int, Figures]:
    """Per rule: outcomes, suppressions by reason, tasks done, on time and still open, the median, and each day."""
    found = {rule.pk: _blank() for rule in rules}
    firings = Firing.objects.filter(rule__in=list(found))
    for pk, outcome, reason, n in _grouped(firings.values_list("rule", "outcome", "reason").annotate(n=Count("pk"))):
        found[pk][outcome] += n
        if outcome == Firing.SUPPRESSED:
            found[pk]["suppressed_by_reason"][reason] = found[pk]["suppressed_by_reason"].get(reason, 0) + n
    _add_tasks(found, firings, "rule")
    _add_done(found, firings, "rule", window)
    for pk, on, outcome, n in window.by_day(firings, "at", "rule", "outcome"):
        day = _day(found[pk], on)
        day[outcome] += n
        if outcome == Firing.FIRED:
            day["tasks_created"] += n
    return {pk: in_order(figure) for pk, figure in found.items()}


def in_short(rules: Rows[TaskAutomationRule], team: Team, *, now: datetime, days: int) -> dict[int, Figures]:
    """Of the same what a list of rules says: outcomes, tasks done, on time and still open, and by day the tasks made.

    Counted in indexes that hold what is asked for, as the rows stand: sums kept beside them would miss what is changed
    by hand.
    """
    found = {rule.pk: _blank() for rule in rules}
    firings = Firing.objects.filter(rule__in=list(found))
    for pk, outcome, n in _grouped(firings.values_list("rule", "outcome").annotate(n=Count("pk"))):
        found[pk][outcome] += n
    _add_tasks(found, firings, "rule")
    fired = firings.filter(outcome=Firing.FIRED)
    for pk, on, n in _Window.of(team, now, days).by_day(fired, "at", "rule"):
        _day(found[pk], on)["tasks_created"] += n
    return found


@dataclass(frozen=True)
class _Window:
    """The whole days that figures by day show: from midnight on the team's clock, so that the first is no smaller."""

    first: date
    days: int
    zone: ZoneInfo

    @classmethod
    def of(cls, team: Team, now: datetime, days: int) -> "_Window":
        zone = calendars.first_zone(team.timezone).zone
        return cls(now.astimezone(zone).date() - timedelta(days=days), days, zone)

    @property
    def since(self) -> datetime:
        return self._begins(0)

    def by_day(self, rows: QuerySet[Any], column: str, *group: str, **more: Count) -> Iterator[tuple[Any, ...]]:
        """How many rows there are of each of these days in each group: the group's values, the first one before the day
        and the others behind it, then the number, then what else is counted.

        The days' beginnings are compared with: to ask for each row's day would be a call of Python a row on SQLite.
        """
        begun = [When(**{f"{column}__gte": self._begins(n)}, then=Value(n)) for n in reversed(range(self.days + 1))]
        dated = rows.filter(**{f"{column}__gte": self.since}).annotate(on=Case(*begun))
        for key, n, *rest in _grouped(dated.values_list(group[0], "on", *group[1:]).annotate(n=Count("pk"), **more)):
            yield key, self.first + timedelta(days=n), *rest

    def _begins(self, n: int) -> datetime:
        return calendars.from_wall(datetime.combine(self.first + timedelta(days=n), time()), self.zone)


def _add_tasks(found: dict[int, Figures], made: QuerySet[Any], group: str) -> None:
    """What became of the tasks that these rows made, grouped by a column that leads to the keys of `found`."""
    done = Q(task__status=Task.DONE)
    on_time = Q(task__due_date__isnull=True) | Q(task__completed_at__lte=F("task__due_date"))
    counted = (
        made.filter(task__isnull=False)
        .values_list(group)
        .annotate(
            done=Count("pk", filter=done),
            punctual=Count("pk", filter=done & on_time),
            open=Count("pk", filter=Q(task__status__in=Task.OPEN)),
        )
    )
    for key, finished, punctual, still_open in _grouped(counted):
        found[key] |= {"completed": finished, "on_time": punctual, "open": still_open}


def _add_done(found: dict[int, Figures], made: QuerySet[Any], group: str, window: _Window) -> None:
    """How long those took that were done in these days, and on which day."""
    hours: dict[int, list[float]] = defaultdict(list)
    recent = made.filter(task__status=Task.DONE, task__completed_at__gte=window.since).order_by()
    for key, created_at, completed_at in recent.values_list(group, "task__created_at", "task__completed_at"):
        hours[key].append((completed_at - created_at).total_seconds() / 3600)
        _day(found[key], completed_at.astimezone(window.zone).date())["completed"] += 1
    for key, taken in hours.items():
        found[key]["median_hours_to_done"] = round(median(taken), 2)


def _of_programmes(rows: Rows[Programme], kind: str, window: _Window) -> dict[int, Figures]:
    """Per sequence or campaign: who was enrolled and how it ended, their steps, and their tasks."""
    found: dict[int, Figures] = {row.pk: _blank() | _blank_enrolments() for row in rows}
    enrolled = Enrolment.objects.filter(**{f"{kind}__in": list(found)})
    for key, state, reason, n in _grouped(enrolled.values_list(kind, "state", "reason").annotate(n=Count("pk"))):
        found[key]["fired"] += n
        found[key][state] += n
        if state == Enrolment.EXITED:
            exits = found[key]["exited_by_reason"]
            exits[reason] = exits.get(reason, 0) + n
    steps = EnrolmentStep.objects.filter(enrolment__in=enrolled)
    by_step = steps.values_list(f"enrolment__{kind}", "state", "reason").annotate(n=Count("pk"), made=Count("task"))
    for key, state, reason, n, made in _grouped(by_step):
        found[key]["tasks_created"] += made
        if state in _AS_OUTCOME:
            found[key][_AS_OUTCOME[state]] += n
        if state == EnrolmentStep.SKIPPED:
            found[key]["suppressed_by_reason"][reason] = found[key]["suppressed_by_reason"].get(reason, 0) + n
    _add_tasks(found, steps, f"enrolment__{kind}")
    _add_done(found, steps, f"enrolment__{kind}", window)
    for key, on, n in window.by_day(enrolled, "created_at", kind):
        _day(found[key], on)["fired"] += n
    for key, on, state, n, made in window.by_day(steps, "at", f"enrolment__{kind}", "state", made=Count("task")):
        day = _day(found[key], on)
        day["tasks_created"] += made
        if state in _AS_OUTCOME:
            day[_AS_OUTCOME[state]] += n
    return {pk: in_order(figure) for pk, figure in found.items()}


_AS_OUTCOME = {EnrolmentStep.SKIPPED: Firing.SUPPRESSED, EnrolmentStep.FAILED: Firing.FAILED}
"""How a step is counted that made nothing."""


def _blank_enrolments() -> Figures:
    return {
        "tasks_created": 0,
        **dict.fromkeys((Enrolment.ACTIVE, Enrolment.PAUSED, Enrolment.FINISHED, Enrolment.EXITED), 0),
        Enrolment.STOPPED: 0,
        "exited_by_reason": {},
    }


def in_order(figure: Figures) -> Figures:
    """With its days as a list, the oldest first."""
    return {**figure, "by_day": [{"on": on, **figure["by_day"][on]} for on in sorted(figure["by_day"])]}


def _grouped(rows: Any) -> Any:
    return rows.order_by()


def _blank() -> Figures:
    return {
        "fired": 0,
        "suppressed": 0,
        "failed": 0,
        "waiting": 0,
        "suppressed_by_reason": {},
        "completed": 0,
        "on_time": 0,
        "open": 0,
        "median_hours_to_done": None,
        "by_day": {},
    }


def _day(figure: Figures, on: date) -> dict[str, int]:
    days: dict[date, dict[str, int]] = figure["by_day"]
    names = ("fired", "suppressed", "failed", "waiting", "tasks_created", "completed")
    return days.setdefault(on, dict.fromkeys(names, 0))
