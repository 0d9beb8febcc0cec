"""A team's week as rebalancing wants it: who has how much, which of it may change hands, and why the rest stays."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import F, OuterRef, Subquery

from assignment import crew, snapshot
from domain import balancing, calendars
from people.models import Team, User
from work import capacity
from work.models import Assignment, Task

KEPT_AFTER_MOVE = timedelta(days=3)
STARTED, BLOCKED, PINNED, OVERDUE = "started", "blocked", "pinned", "overdue"
DUE_SOON, JUST_MOVED = "due within a working day", "moved in the last 3 days"


@dataclass(frozen=True)
class Weeks:
    """The loads of some people, by their ids, and why each task stays of those that may not move."""

    loads: Mapping[int, balancing.Load]
    kept: Mapping[int, str]


@dataclass(frozen=True)
class _Held:
    """An open task of somebody who is overloaded, in the week that it fills."""

    row: snapshot.Row
    holder: int
    left: Decimal
    why_kept: str


def weeks(team: Team, users: Sequence[User], *, now: datetime) -> Weeks:
    """The current weeks of people of the team (with it loaded), in a constant number of queries."""
    used, books = capacity.weeks(users, now=now), crew.Books(team, now)
    staff = crew.Crew(users, books)
    held = _held([user for user in users if used[user.pk].is_overloaded], staff)
    free = [one for one in held if not one.why_kept]
    works = snapshot.Reader(books).works([one.row for one in free]) if free else []
    movable: dict[int, list[balancing.Movable]] = {}
    for one, work in zip(free, works, strict=True):
        movable.setdefault(one.holder, []).append(balancing.Movable(work, one.left))
    kept: dict[int, Counter[str]] = {}
    for one in held:
        if one.why_kept:
            kept.setdefault(one.holder, Counter())[one.why_kept] += 1
    loads = {
        person.id: balancing.Load(
            person,
            capacity=used[person.id].max_hours,
            booked=used[person.id].used_hours,
            tasks=tuple(movable.get(person.id, ())),
            kept=dict(sorted(kept.get(person.id, {}).items())),
        )
        for person in staff.people(works)
    }
    return Weeks(loads, {one.row.pk: one.why_kept for one in held if one.why_kept})


def _held(users: Sequence[User], staff: crew.Crew) -> list[_Held]:
    """All that fills these people's week: what is due by its end, overdue or undated."""
    now = staff.now
    ends = {user.pk: calendars.week_of(now, staff.plans[user.pk].zone)[1] for user in users}
    soon = {user.pk: _in_a_working_day(staff.plans[user.pk], now) for user in users}
    left = {one.task_id: one.left for user in users for one in staff.held[user.pk]}
    moved = _moved_since(now - KEPT_AFTER_MOVE, users)
    found = []
    tasks = Task.objects.open().filter(assignee__in=users).order_by("pk")
    columns = ("status", "pinned", "started_at")
    for *values, status, pinned, started_at in tasks.values_list(*snapshot.Row._fields, *columns):
        row = snapshot.Row(*values)
        holder = row.assignee_id
        if holder not in ends or row.pk not in left or (row.due_date is not None and row.due_date > ends[holder]):
            continue
        why = _why_kept(row, status, pinned, started_at is not None, row.pk in moved, now, soon[holder])
        found.append(_Held(row, holder, left[row.pk], why))
    return found


def _why_kept(
    row: snapshot.Row, status: str, pinned: bool, started: bool, moved: bool, now: datetime, soon: datetime
) -> str:
    """Why a task stays with whoever has it; empty when it may move."""
    if status == Task.BLOCKED:
        return BLOCKED
    if started or status == Task.IN_PROGRESS:
        return STARTED
    if pinned:
        return PINNED
    if row.due_date is not None and row.due_date <= soon:
        return OVERDUE if row.due_date < now else DUE_SOON
    return JUST_MOVED if moved else ""


def _in_a_working_day(plan: calendars.Schedule, now: datetime) -> datetime:
    """The same time of the next working day: on a Friday evening the Monday's. For who never works it is tomorrow."""
    try:
        return calendars.add_working_days(plan, now, 1)
    except calendars.NoWorkingTime:
        return now + timedelta(days=1)


def _moved_since(then: datetime, users: Sequence[User]) -> set[int]:
    """Tasks of these people that went from one person to another since then, by whoever and whatever."""
    before = Assignment.objects.filter(task=OuterRef("task"), pk__lt=OuterRef("pk")).order_by("-pk")
    lately = Assignment.objects.filter(task__assignee__in=users, assigned_at__gt=then)
    moved = lately.annotate(former=Subquery(before.values("user")[:1])).exclude(former=F("user"))
    return set(moved.filter(former__isnull=False).values_list("task", flat=True))
