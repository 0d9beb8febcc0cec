"""A team and its ready work as the matching engine wants them: plain values in quarter hours."""

import heapq
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Exists, F, OuterRef, QuerySet

from domain import calendars
from domain.matching import Person, Work
from domain.matching.model import REJECTIONS_KEPT
from domain.matching.values import DEFAULT_WEIGHTS, PRIORITIES, skill_match, urgency
from people import hours
from people.models import Skill, Team, User, UserSkill
from work import capacity
from work.models import Assignment, Task, TaskSkill

HORIZON = timedelta(days=7)
"""Whose hours count: the week that begins now, so that a Friday's task finds Monday's hours."""
RECENT = timedelta(days=90)
FARTHEST_SLACK = timedelta(days=28)
"""Beyond this a due date is not urgent at all, so its working time need not be counted."""

MOST_WAITING = 5000
"""So many tasks of a team are given out at once, those that are due first."""
_OFFERED = 200
_CHUNK = 500


class Row(NamedTuple):
    """What of a waiting task is read: a row of a model would cost ten times as much."""

    pk: int
    version: int
    estimated_hours: Decimal | None
    priority: str
    due_date: datetime | None
    created_at: datetime
    contact_id: int | None
    group_key: str
    kind: str


Required = tuple[tuple[int, int], ...]


def quarters(amount: Decimal) -> int:
    """Hours as whole quarter hours, up: work is never rounded away."""
    return math.ceil(amount * 4)


def members(team: Team) -> list[User]:
    return list(User.objects.active().filter(team=team).select_related("team").order_by("pk"))


def skill_names(team: Team) -> dict[int, str]:
    return dict(Skill.objects.filter(team=team).values_list("pk", "name"))


def people(users: Sequence[User], *, now: datetime, works: Collection[Work]) -> list[Person]:
    """The users as the engine sees them, in a constant number of queries.

    `works` are those to be matched: only what these need of history is read, and hours until they are due.
    """
    ids = [user.pk for user in users]
    plans = hours.schedules(users)
    booked = capacity.booked_hours(list(users), dict.fromkeys(ids, now + HORIZON))
    dues = sorted({work.due for work in works if work.due is not None and now < work.due < now + HORIZON})
    booked_by = capacity.booked_by(list(users), dues)
    levels = _levels(ids)
    contacts, groups = _recent(ids, works, now)
    result = []
    for user in users:
        plan = plans[user.pk]
        clock = calendars.Clock(plan, start=now, end=now + HORIZON)
        total = quarters(clock.hours(now + HORIZON))
        free = total - quarters(booked[user.pk])
        left = [
            (due, math.floor((clock.hours(due) - taken) * 4))
            for due, taken in zip(dues, booked_by[user.pk], strict=True)
        ]
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
                # What is due later than the week needs its hours within the week or later.
                free_by=(*left, (now + HORIZON, free)) if left else (),
            )
        )
    return result


def waiting(team: Team, *, most: int = MOST_WAITING) -> list[Row]:
    """Ready work nobody holds, what is due first first."""
    rows = Task.objects.waiting().filter(team=team).order_by(F("due_date").asc(nulls_last=True), "pk")
    return _rows(rows, most)


def required(rows: Sequence[Row]) -> dict[int, Required]:
    """What skills the tasks ask for, with the least levels."""
    needs: dict[int, list[tuple[int, int]]] = {}
    ids = [row.pk for row in rows]
    for start in range(0, len(ids), _CHUNK):
        found = TaskSkill.objects.filter(task__in=ids[start : start + _CHUNK]).order_by("pk")
        for task_id, skill_id, level in found.values_list("task_id", "skill_id", "min_level"):
            needs.setdefault(task_id, []).append((skill_id, level))
    return {task_id: tuple(pairs) for task_id, pairs in needs.items()}


def _rows(tasks: QuerySet[Task], most: int) -> list[Row]:
    return [Row(*row) for row in tasks.values_list(*Row._fields)[:most]]


def works(rows: Iterable[Row], needs: Mapping[int, Required], *, team: Team, now: datetime) -> list[Work]:
    """Waiting tasks as the engine sees them; one without an estimate takes the usual one."""
    reader = _Reader(team, now)
    return [reader.work(row, needs.get(row.pk, ())) for row in rows]


def work(task: Task, *, now: datetime) -> Work:
    """One task, whoever holds it."""
    needs = tuple((need.skill_id, need.min_level) for need in task.skill_levels.all())
    row = Row(*(getattr(task, name) for name in Row._fields))
    return _Reader(task.team, now).work(row, needs)


def offers(user: User, *, now: datetime) -> list[Work]:
    """Waiting work that is worth most with this person and that they have the skills for: 200 tasks at most.

    Looked at are, of each priority, those that are due first and those without a date that wait longest: within one
    priority nothing but skill and continuity could make another worth more.
    """
    held = UserSkill.objects.filter(user=user, skill=OuterRef("skill"), level__gte=OuterRef("min_level"))
    lacking = TaskSkill.objects.filter(~Exists(held), task=OuterRef("pk"))
    able = Task.objects.waiting().filter(~Exists(lacking), team=user.team_id)
    rows = [row for priority in PRIORITIES for row in _first_of(able.filter(priority=priority))]
    needs = required(rows)
    reader, value = _Reader(user.team, now), _OwnValue(user, now)
    known = ((value.of(row, needs.get(row.pk, ()), reader), row) for row in rows)
    best = heapq.nsmallest(_OFFERED, known, key=lambda pair: (-pair[0], pair[1].pk))
    if not best:  # what waits asks for other skills: some of it all the same, so that the person hears which
        some = waiting(user.team, most=REJECTIONS_KEPT)
        return works(some, required(some), team=user.team, now=now)
    return [reader.work(row, needs.get(row.pk, ())) for _, row in best]


def _first_of(tasks: QuerySet[Task]) -> list[Row]:
    dated = _rows(tasks.filter(due_date__isnull=False).order_by("due_date", "pk"), _OFFERED)
    return dated + _rows(tasks.filter(due_date__isnull=True).order_by("created_at", "pk"), _OFFERED // 2)


class _Reader:
    """Reads rows of one team: counts its working time once, and looks hours up in that."""

    def __init__(self, team: Team, now: datetime) -> None:
        self.now, self.team_id = now, team.pk
        self.zone = calendars.first_zone(team.timezone).zone
        week = calendars.Schedule(calendars.DEFAULT_WEEK, self.zone)
        self.clock = calendars.Clock(week, start=now, end=now + FARTHEST_SLACK)
        self.today = now.astimezone(self.zone).date()
        self.usual = capacity.UsualEstimates()

    def hours_q(self, row: Row) -> int:
        estimate = row.estimated_hours
        return max(1, quarters(estimate if estimate is not None else self.usual.of(self.team_id, row.kind)))

    def slack_q(self, row: Row, hours_q: int) -> int | None:
        return None if row.due_date is None else quarters(self.clock.hours(row.due_date)) - hours_q

    def waiting_days(self, row: Row) -> int:
        return _working_days(row.created_at.astimezone(self.zone).date(), self.today)

    def work(self, row: Row, needs: Required) -> Work:
        hours_q = self.hours_q(row)
        return Work(
            id=row.pk,
            hours_q=hours_q,
            estimated=row.estimated_hours is not None,
            priority=row.priority,
            due=row.due_date.astimezone(self.zone) if row.due_date else None,
            slack_q=self.slack_q(row, hours_q),
            waiting_days=self.waiting_days(row),
            required=needs,
            contact_id=row.contact_id,
            group_key=row.group_key,
            created=row.created_at,
        )


class _OwnValue:
    """What waiting tasks are worth an hour with one person, as matching counts it."""

    def __init__(self, user: User, now: datetime) -> None:
        self.skills = _levels([user.pk]).get(user.pk, {})
        lately = Assignment.objects.filter(user=user, assigned_at__gte=now - RECENT)
        self.contacts = set(lately.values_list("task__contact", flat=True))
        self.groups = set(lately.values_list("task__group_key", flat=True))
        self.matched: dict[Required, int] = {}

    def of(self, row: Row, needs: Required, reader: _Reader) -> int:
        weights, slack = DEFAULT_WEIGHTS, reader.slack_q(row, reader.hours_q(row))
        if needs not in self.matched:
            self.matched[needs] = skill_match(needs, self.skills) * weights.skill // 1000
        known = 0
        if row.contact_id is not None and row.contact_id in self.contacts:
            known = weights.continuity
        elif row.group_key and row.group_key in self.groups:
            known = weights.continuity // 2
        waited = reader.waiting_days(row) if slack is None else 0
        return (
            PRIORITIES[row.priority] * weights.priority // 1000
            + urgency(slack, waited, weights)
            + self.matched[needs]
            + known
        )


def _levels(ids: list[int]) -> dict[int, dict[int, int]]:
    levels: dict[int, dict[int, int]] = {}
    for user_id, skill_id, level in UserSkill.objects.filter(user_id__in=ids).values_list("user", "skill", "level"):
        levels.setdefault(user_id, {})[skill_id] = level
    return levels


def _working_days(start: date, end: date) -> int:
    """Mondays to Fridays from `start` up to, not including, `end`; 60 days at most."""
    days = min(max(0, (end - start).days), 60)
    weeks, rest = divmod(days, 7)
    return weeks * 5 + sum((start.weekday() + n) % 7 < 5 for n in range(rest))


def _recent(ids: list[int], works: Iterable[Work], now: datetime) -> tuple[dict[int, set[int]], dict[int, set[str]]]:
    """Who worked lately for the contacts and in the groups of these works."""
    contact_ids, group_keys = set(), set()
    for one in works:
        if one.contact_id is not None:
            contact_ids.add(one.contact_id)
        if one.group_key:
            group_keys.add(one.group_key)
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
