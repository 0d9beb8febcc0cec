"""A team and its ready work as the matching engine wants them: plain values in quarter hours."""

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from domain import calendars
from domain.matching import Person, Work
from people import hours
from people.models import Skill, Team, User, UserSkill
from work import capacity
from work.models import Assignment, Task

HORIZON = timedelta(days=7)
"""Whose hours count: the week that begins now, so that a Friday's task finds Monday's hours."""
RECENT = timedelta(days=90)
FARTHEST_SLACK = timedelta(days=28)
"""Beyond this a due date is not urgent at all, so its working time need not be counted."""


def quarters(amount: Decimal) -> int:
    """Hours as whole quarter hours, up: work is never rounded away."""
    return math.ceil(amount * 4)


def members(team: Team) -> list[User]:
    return list(User.objects.active().filter(team=team).select_related("team").order_by("pk"))


def skill_names(team: Team) -> dict[int, str]:
    return dict(Skill.objects.filter(team=team).values_list("pk", "name"))


def people(users: Sequence[User], *, now: datetime, tasks: Iterable[Task]) -> list[Person]:
    """The users as the engine sees them, in a constant number of queries.

    `tasks` are those to be matched: only what these need of history is read, and hours until they are due.
    """
    wanted = list(tasks)
    ids = [user.pk for user in users]
    plans = hours.schedules(users)
    booked = capacity.booked_hours(list(users), dict.fromkeys(ids, now + HORIZON))
    dues = sorted(
        {task.due_date for task in wanted if task.due_date is not None and now < task.due_date < now + HORIZON}
    )
    booked_by = capacity.booked_by(list(users), dues)
    levels: dict[int, dict[int, int]] = {}
    for user_id, skill_id, level in UserSkill.objects.filter(user_id__in=ids).values_list("user", "skill", "level"):
        levels.setdefault(user_id, {})[skill_id] = level
    contacts, groups = _recent(ids, wanted, now)
    result = []
    for user in users:
        plan = plans[user.pk]
        total = quarters(calendars.working_hours(plan, start=now, end=now + HORIZON))
        free = total - quarters(booked[user.pk])
        result.append(
            Person(
                id=user.pk,
                name=user.display_name,
                skills=levels.get(user.pk, {}),
                free_q=free,
                capacity_q=total,
                away=now.astimezone(plan.zone).date() in plan.days_off,
                recent_contacts=frozenset(contacts.get(user.pk, ())),
                recent_groups=frozenset(groups.get(user.pk, ())),
                free_by=_free_by(plan, booked_by[user.pk], dues, now, free),
            )
        )
    return result


def _free_by(
    plan: calendars.Schedule, booked: Sequence[Decimal], dues: Sequence[datetime], now: datetime, free_q: int
) -> tuple[tuple[datetime, int], ...]:
    """What is left until each due date, and of the whole week for whatever is due later."""
    total, start, left = Decimal(0), now, []
    for due, taken in zip(dues, booked, strict=True):
        total += calendars.working_hours(plan, start=start, end=due)
        start = due
        left.append((due, math.floor((total - taken) * 4)))
    return (*left, (now + HORIZON, free_q)) if left else ()


def works(tasks: Sequence[Task], *, team: Team, now: datetime) -> list[Work]:
    """Tasks as the engine sees them (their skill levels prefetched); one without an estimate takes the usual one."""
    usual = capacity.UsualEstimates()
    zone = calendars.first_zone(team.timezone).zone
    week = calendars.Schedule(calendars.DEFAULT_WEEK, zone)
    return [_work(task, usual, week, now) for task in tasks]


def _work(task: Task, usual: capacity.UsualEstimates, week: calendars.Schedule, now: datetime) -> Work:
    estimate = task.estimated_hours
    hours_q = max(1, quarters(estimate if estimate is not None else usual.of(task.team_id)))
    slack_q = None
    if task.due_date is not None:
        until = min(task.due_date, now + FARTHEST_SLACK)
        slack_q = quarters(calendars.working_hours(week, start=now, end=until)) - hours_q
    return Work(
        id=task.pk,
        hours_q=hours_q,
        estimated=estimate is not None,
        priority=task.priority,
        due=task.due_date.astimezone(week.zone) if task.due_date else None,
        slack_q=slack_q,
        waiting_days=_working_days(task.created_at.astimezone(week.zone).date(), now.astimezone(week.zone).date()),
        required=tuple((need.skill_id, need.min_level) for need in task.skill_levels.all()),
        contact_id=task.contact_id,
        group_key=task.group_key,
        created=task.created_at,
    )


def _working_days(start: date, end: date) -> int:
    """Mondays to Fridays from `start` up to, not including, `end`."""
    days = max(0, (end - start).days)
    return sum((start + timedelta(days=n)).weekday() < 5 for n in range(min(days, 60)))


def _recent(ids: list[int], tasks: Iterable[Task], now: datetime) -> tuple[dict[int, set[int]], dict[int, set[str]]]:
    """Who worked lately for the contacts and in the groups of these tasks."""
    contact_ids = {task.contact_id for task in tasks if task.contact_id is not None}
    group_keys = {task.group_key for task in tasks if task.group_key}
    lately = Assignment.objects.filter(user_id__in=ids, assigned_at__gte=now - RECENT)
    contacts: dict[int, set[int]] = {}
    groups: dict[int, set[str]] = {}
    if contact_ids:
        for user_id, contact_id in lately.filter(task__contact_id__in=contact_ids).values_list("user", "task__contact"):
            contacts.setdefault(user_id, set()).add(contact_id)
    if group_keys:
        for user_id, key in lately.filter(task__group_key__in=group_keys).values_list("user", "task__group_key"):
            groups.setdefault(user_id, set()).add(key)
    return contacts, groups
