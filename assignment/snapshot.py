"""Ready work as the matching engine wants it: plain values in quarter hours."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from django.db.models import F, QuerySet

from assignment.crew import FARTHEST, Books, quarters
from domain import calendars
from domain.matching import Work
from people import skills
from people.models import Skill, Team
from work import capacity
from work.models import Dependency, Exclusion, Task, TaskSkill

MOST_WAITING = 5000
"""So many tasks of a team are given out at once, those that are due first."""
_CHUNK = 1000


class Row(NamedTuple):
    """What of a task is read: a row of a model would cost ten times as much."""

    pk: int
    version: int
    assignee_id: int | None
    estimated_hours: Decimal | None
    actual_hours: Decimal | None
    priority: str
    due_date: datetime | None
    created_at: datetime
    contact_id: int | None
    group_key: str
    kind: str


Required = tuple[tuple[int, int], ...]


def skill_names(team: Team) -> dict[int, str]:
    return dict(Skill.objects.filter(team=team).values_list("pk", "name"))


def waiting(team: Team, *, most: int = MOST_WAITING) -> list[Row]:
    """Ready work nobody holds, what is due first first."""
    return rows(Task.objects.waiting().filter(team=team).order_by(*_BY_DUE)[:most])


def movable(team: Team, *, most: int = MOST_WAITING) -> list[Row]:
    """Work that somebody holds and may lose: neither started nor pinned; what is due first first."""
    held = Task.objects.filter(team=team, assignee__isnull=False, status=Task.TODO, pinned=False)
    return rows(held.filter(started_at__isnull=True).order_by(*_BY_DUE)[:most])


def waits_for(task: Task) -> tuple[int, ...]:
    """The unfinished tasks that hold this one back."""
    return tuple(Dependency.objects.unmet().filter(task=task).order_by("waits_for").values_list("waits_for", flat=True))


def held_back(team: Team, *, most: int = MOST_WAITING) -> dict[int, tuple[int, ...]]:
    """Work nobody holds that is not ready, by id, with what it waits for."""
    ties = Dependency.objects.unmet().filter(task__in=Task.objects.unheld().filter(team=team))
    found: dict[int, tuple[int, ...]] = {}
    for task_id, waits_for in ties.order_by("task", "waits_for").values_list("task", "waits_for")[:most]:
        found[task_id] = (*found.get(task_id, ()), waits_for)
    return found


_BY_DUE = (F("due_date").asc(nulls_last=True), "pk")


def rows(tasks: QuerySet[Task]) -> list[Row]:
    return [Row(*row) for row in tasks.values_list(*Row._fields)]


class Reader:
    """Reads tasks of one team: what they ask for, who is kept off them, and the working time until they are due.

    What holds for the whole team is read once, when first asked for.
    """

    def __init__(self, books: Books) -> None:
        self.team, self.now, self.usual = books.team, books.now, books.usual
        plan = books.hours.own
        self.zone = plan.zone
        self.clock = calendars.Clock(plan, start=self.now, end=self.now + FARTHEST)  # beyond it nothing is urgent
        self.today = self.now.astimezone(self.zone).date()
        found = skills.read(self.team)
        self.names, self.closure = found.names, found.closure
        self.asked: dict[int, list[tuple[int, int]]] = {}
        """By task, of those read, what skills it asks for itself and the least levels."""

    def works(self, rows: Sequence[Row], required: Mapping[int, Required] | None = None) -> list[Work]:
        """The tasks as the engine sees them; one without an estimate takes the median of its kind."""
        needs = self.required(rows) if required is None else required
        kept_off = self._kept_off(rows)
        return [
            replace(self.work(row, needs.get(row.pk, ())), excluded=kept_off[row.pk])
            if row.pk in kept_off
            else self.work(row, needs.get(row.pk, ()))
            for row in rows
        ]

    def required(self, rows: Sequence[Row]) -> dict[int, Required]:
        """What skills the tasks ask for with the least levels, and what these skills ask for themselves."""
        needs: dict[int, dict[int, int]] = {}
        ids = [row.pk for row in rows]
        for start in range(0, len(ids), _CHUNK):
            found = TaskSkill.objects.filter(task__in=ids[start : start + _CHUNK]).order_by("pk")
            for task_id, skill_id, level in found.values_list("task_id", "skill_id", "min_level"):
                self.asked.setdefault(task_id, []).append((skill_id, level))
                asked = needs.setdefault(task_id, {})
                for skill, least in ((skill_id, level), *self.closure.get(skill_id, ())):
                    asked[skill] = max(least, asked.get(skill, 0))
        return {task_id: tuple(levels.items()) for task_id, levels in needs.items()}

    def hours_q(self, row: Row) -> int:
        """What is left to do: never nothing."""
        whole = row.estimated_hours
        if whole is None:
            whole = self.usual.of(self.team.pk, row.kind)
        return max(1, quarters(capacity.left_of(whole, row.actual_hours)))

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
            due=self._shown(row.due_date) if row.due_date else None,
            slack_q=self.slack_q(row, hours_q),
            waiting_days=self.waiting_days(row),
            required=needs,
            contact_id=row.contact_id,
            group_key=row.group_key,
            created=row.created_at,
            holder=row.assignee_id,
        )

    def _shown(self, due: datetime) -> datetime:
        try:
            return due.astimezone(self.zone)
        except OverflowError:  # of the year 1 or 9999, by a row that was written by hand
            return due

    @cached_property
    def exclusions(self) -> list[Exclusion]:
        """All of the team's people who are here."""
        return list(Exclusion.objects.filter(user__team=self.team, user__is_active=True).order_by("pk"))

    def _kept_off(self, rows: Iterable[Row]) -> dict[int, frozenset[int]]:
        """Who must not have which of the tasks, for the task's sake or the contact's."""
        by_task: dict[int, set[int]] = {}
        by_contact: dict[int, set[int]] = {}
        for one in self.exclusions:
            if one.task_id is not None:
                by_task.setdefault(one.task_id, set()).add(one.user_id)
            elif one.contact_id is not None:
                by_contact.setdefault(one.contact_id, set()).add(one.user_id)
        if not by_task and not by_contact:
            return {}
        of = {row.pk: by_task.get(row.pk, set()) | by_contact.get(row.contact_id or 0, set()) for row in rows}
        return {pk: frozenset(users) for pk, users in of.items() if users}


def row_of(task: Task) -> Row:
    return Row(*(getattr(task, name) for name in Row._fields))


def _working_days(start: date, end: date) -> int:
    """Mondays to Fridays from `start` up to, not including, `end`; 60 days at most."""
    days = min(max(0, (end - start).days), 60)
    weeks, rest = divmod(days, 7)
    return weeks * 5 + sum((start.weekday() + n) % 7 < 5 for n in range(rest))
