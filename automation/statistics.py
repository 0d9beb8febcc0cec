"""What rules, sequences and campaigns did and what became of it, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Sequence as Rows
from datetime import date, datetime, timedelta
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
    for pk, outcome, reason, n in _grouped(firings.values_list("rule", "outcome", "reason").annotate(n=Count("pk"))):
        found[pk][outcome] += n
        if outcome == Firing.SUPPRESSED:
            found[pk]["suppressed_by_reason"][reason] = found[pk]["suppressed_by_reason"].get(reason, 0) + n
    of_task = Task.objects.filter(firings__in=firings)
    add_tasks(found, of_task, "firings__rule", team, now=now, days=days)
    _add_days(found, firings, zone=calendars.first_zone(team.timezone).zone, since=now - timedelta(days=days))
    return found


def add_tasks(
    found: dict[int, Figures], tasks: QuerySet[Task], group: str, team: Team, *, now: datetime, days: int
) -> None:
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
    zone = calendars.first_zone(team.timezone).zone
    recent = tasks.filter(done, completed_at__gte=now - timedelta(days=days))
    for key, created_at, completed_at in recent.order_by().values_list(group, "created_at", "completed_at"):
        hours[key].append((completed_at - created_at).total_seconds() / 3600)
        _day(found[key], completed_at.astimezone(zone).date())["completed"] += 1
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
        if state == EnrolmentStep.SKIPPED:
            found[key]["suppressed"] += n
            found[key]["suppressed_by_reason"][reason] = found[key]["suppressed_by_reason"].get(reason, 0) + n
        elif state == EnrolmentStep.FAILED:
            found[key]["failed"] += n
    group = f"enrolment_steps__enrolment__{kind}"
    of_task = Task.objects.filter(**{f"{group}__in": list(found)})
    add_tasks(found, of_task, group, user.team, now=now, days=days)
    zone = calendars.first_zone(user.team.timezone).zone
    started = enrolled.filter(created_at__gte=now - timedelta(days=days))
    for key, on, n in _grouped(
        started.annotate(on=TruncDate("created_at", tzinfo=zone)).values_list(kind, "on").annotate(n=Count("pk"))
    ):
        _day(found[key], on)["fired"] += n
    return [{"id": row.pk, "name": row.name, "is_active": row.is_active, **in_order(found[row.pk])} for row in rows]


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


def _add_days(found: dict[int, Figures], firings: QuerySet[Firing], *, zone: ZoneInfo, since: datetime) -> None:
    by_day = firings.filter(at__gte=since).annotate(on=TruncDate("at", tzinfo=zone))
    for pk, on, outcome, n in _grouped(by_day.values_list("rule", "on", "outcome").annotate(n=Count("pk"))):
        _day(found[pk], on)[outcome] += n


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
    return days.setdefault(on, {"fired": 0, "suppressed": 0, "failed": 0, "waiting": 0, "completed": 0})
