"""What rules, sequences and campaigns did and what became of it, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncDate

from automation.models import Campaign, Enrolment, EnrolmentStep, Firing, Programme, Sequence, TaskAutomationRule
from domain import calendars
from people.models import Team, User
from work.models import Task

DAYS = 30
"""How far back the figures by day and the median go."""

Figures = dict[str, Any]


def of_rules(user: User, *, now: datetime, days: int = DAYS) -> Figures:
    """The statistics of the rules, sequences and campaigns a user sees, in a constant number of queries."""
    rules = list(TaskAutomationRule.objects.visible_to(user).order_by("pk"))
    numbers = figures(rules, user.team, now=now, days=days)
    return {
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
                **in_order(numbers[rule.pk]),
            }
            for rule in rules
        ],
        "sequences": _of_programmes(Sequence, "sequence", user, now=now, days=days),
        "campaigns": _of_programmes(Campaign, "campaign", user, now=now, days=days),
    }


def figures(rules: Rows[TaskAutomationRule], team: Team, *, now: datetime, days: int = DAYS) -> dict[int, Figures]:
    """Per rule: outcomes, suppressions by reason, tasks done, on time and still open, the median, and each day."""
    found = {rule.pk: _blank() for rule in rules}
    firings = Firing.objects.filter(rule__in=list(found))
    window = _Window.of(team, now, days)
    for pk, outcome, reason, n in _grouped(firings.values_list("rule", "outcome", "reason").annotate(n=Count("pk"))):
        found[pk][outcome] += n
        if outcome == Firing.SUPPRESSED:
            found[pk]["suppressed_by_reason"][reason] = found[pk]["suppressed_by_reason"].get(reason, 0) + n
    of_task = Task.objects.filter(firings__in=firings)
    _add_tasks(found, of_task, "firings__rule", window)
    _add_days(found, firings, window)
    return found


@dataclass(frozen=True)
class _Window:
    """The whole days that figures by day show: from midnight on the team's clock, so that the first is no smaller."""

    since: datetime
    zone: ZoneInfo

    @classmethod
    def of(cls, team: Team, now: datetime, days: int) -> "_Window":
        zone = calendars.first_zone(team.timezone).zone
        first = now.astimezone(zone).date() - timedelta(days=days)
        return cls(calendars.from_wall(datetime.combine(first, time()), zone), zone)

    def by_day(self, rows: QuerySet[Any], column: str) -> QuerySet[Any]:
        """The rows of these days, each with its day as `on`."""
        return rows.filter(**{f"{column}__gte": self.since}).annotate(on=TruncDate(column, tzinfo=self.zone))


def _add_tasks(found: dict[int, Figures], tasks: QuerySet[Task], group: str, window: _Window) -> None:
    """What became of the tasks, grouped by a column that leads to the keys of `found`. Two queries."""
    done, on_time = Q(status=Task.DONE), Q(due_date__isnull=True) | Q(completed_at__lte=F("due_date"))
    counted = tasks.values_list(group).annotate(
        done=Count("pk", filter=done),
        punctual=Count("pk", filter=done & on_time),
        open=Count("pk", filter=Q(status__in=Task.OPEN)),
    )
    for key, finished, punctual, still_open in _grouped(counted):
        found[key] |= {"completed": finished, "on_time": punctual, "open": still_open}
    hours: dict[int, list[float]] = defaultdict(list)
    recent = tasks.filter(done, completed_at__gte=window.since)
    for key, created_at, completed_at in recent.order_by().values_list(group, "created_at", "completed_at"):
        hours[key].append((completed_at - created_at).total_seconds() / 3600)
        _day(found[key], completed_at.astimezone(window.zone).date())["completed"] += 1
    for key, taken in hours.items():
        found[key]["median_hours_to_done"] = round(median(taken), 2)


def _of_programmes(model: type[Programme], kind: str, user: User, *, now: datetime, days: int) -> list[Figures]:
    """The sequences or campaigns a user sees: who was enrolled and how it ended, their steps, and their tasks."""
    rows = list(model._default_manager.all().visible_to(user).order_by("pk"))
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
    window = _Window.of(user.team, now, days)
    group = f"enrolment_steps__enrolment__{kind}"
    _add_tasks(found, Task.objects.filter(**{f"{group}__in": list(found)}), group, window)
    started = window.by_day(enrolled, "created_at").values_list(kind, "on").annotate(n=Count("pk"))
    for key, on, n in _grouped(started):
        _day(found[key], on)["fired"] += n
    stepped = window.by_day(steps, "at").values_list(f"enrolment__{kind}", "on", "state")
    for key, on, state, n, made in _grouped(stepped.annotate(n=Count("pk"), made=Count("task"))):
        day = _day(found[key], on)
        day["tasks_created"] += made
        if state in _AS_OUTCOME:
            day[_AS_OUTCOME[state]] += n
    return [{"id": row.pk, "name": row.name, "is_active": row.is_active, **in_order(found[row.pk])} for row in rows]


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


def _add_days(found: dict[int, Figures], firings: QuerySet[Firing], window: _Window) -> None:
    by_day = window.by_day(firings, "at").values_list("rule", "on", "outcome")
    for pk, on, outcome, n in _grouped(by_day.annotate(n=Count("pk"))):
        day = _day(found[pk], on)
        day[outcome] += n
        if outcome == Firing.FIRED:
            day["tasks_created"] += n


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
