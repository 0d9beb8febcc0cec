"""How many hours people have this week, and how many are spoken for."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from statistics import median
from typing import Any

from domain import calendars
from people import hours
from people.models import Team, User
from work.models import Task, TaskQuerySet

ONE_HOUR = Decimal(1)
HUNDRED = Decimal(100)
LEAST_LEFT = Decimal("0.25")
SAMPLE = 200
"""How many of the team's newest estimates the usual one is the median of."""


@dataclass(frozen=True)
class Capacity:
    """One person's current week (Monday to Sunday in their zone), in hours.

    `max_hours` is working time less time off; `used_hours` the estimates of open work that is due by the week's end,
    overdue or undated.
    """

    user_id: int
    max_hours: Decimal
    used_hours: Decimal

    @property
    def available_capacity(self) -> Decimal:
        return max(self.max_hours - self.used_hours, Decimal(0))

    @property
    def is_overloaded(self) -> bool:
        """Strictly more work than hours."""
        return self.used_hours > self.max_hours

    @property
    def utilization(self) -> Decimal | None:
        """Percent of the week that is spoken for; None in a week without working time."""
        return HUNDRED * self.used_hours / self.max_hours if self.max_hours else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "user_id": self.user_id,
            "max_hours": self.max_hours,
            "used_hours": self.used_hours,
            "available_capacity": self.available_capacity,
            "is_overloaded": self.is_overloaded,
        }


def week(user: User, *, now: datetime) -> Capacity:
    return weeks([user], now=now)[user.pk]


def weeks(users: Iterable[User], *, now: datetime) -> dict[int, Capacity]:
    """Everybody's week, in a constant number of queries (users with their team loaded)."""
    people = list(users)
    plans = hours.schedules(people)
    ends = {user.pk: calendars.week_of(now, plans[user.pk].zone) for user in people}
    used = booked_hours(people, {pk: end for pk, (_, end) in ends.items()})
    return {
        user.pk: Capacity(
            user.pk,
            calendars.working_hours(plans[user.pk], start=ends[user.pk][0], end=ends[user.pk][1]),
            used[user.pk],
        )
        for user in people
    }


def booked_hours(people: list[User], ends: Mapping[int, datetime]) -> dict[int, Decimal]:
    """Hours left of open work that is due before each person's `ends`, overdue or undated."""
    used = {user.pk: Decimal(0) for user in people}
    for holder, due, left in _held(Task.objects.filter(assignee_id__in=list(used))):
        if due is None or due < ends[holder]:
            used[holder] += left
    return used


def booked_by(people: list[User], dues: Sequence[datetime]) -> dict[int, list[Decimal]]:
    """Each person's hours left of open work that is due by each of the ascending `dues`, that instant included."""
    by: dict[int, list[Decimal]] = {user.pk: [Decimal(0)] * len(dues) for user in people}
    for holder, due, left in _held(Task.objects.filter(assignee_id__in=list(by), due_date__isnull=False)):
        at = bisect_left(dues, due)
        if at < len(dues):
            by[holder][at] += left
    return {holder: list(accumulate(amounts)) for holder, amounts in by.items()}


def _held(tasks: TaskQuerySet) -> Iterator[tuple[int, datetime, Decimal]]:
    """Of each open task who holds it, when it is due, and its estimate less what was spent on it so far.

    What has taken longer than it should is not done yet, so a quarter hour is always left.
    """
    usual = UsualEstimates()
    columns = ("assignee_id", "team_id", "due_date", "estimated_hours", "actual_hours")
    for holder, team_id, due, estimate, spent in tasks.open().values_list(*columns):
        whole = estimate if estimate is not None else usual.of(team_id)
        yield holder, due, max(whole - spent, min(whole, LEAST_LEFT)) if spent else whole


class UsualEstimates:
    """The median of a team's newest estimates, for tasks that have none; an hour in a team that estimates nothing."""

    def __init__(self) -> None:
        self._medians: dict[int, Decimal] = {}

    def of(self, team_id: int) -> Decimal:
        if team_id not in self._medians:
            newest = Task.objects.filter(team_id=team_id, estimated_hours__isnull=False).order_by("-id")
            sample = [hours for hours in newest.values_list("estimated_hours", flat=True)[:SAMPLE] if hours]
            self._medians[team_id] = median(sample) if sample else ONE_HOUR
        return self._medians[team_id]


def team_status(team: Team, *, now: datetime) -> dict[str, Any]:
    """The team's week: contracted hours less absences, what is spoken for, and who has too much."""
    each = weeks(User.objects.active().filter(team=team).select_related("team"), now=now).values()
    capacity = sum((one.max_hours for one in each), Decimal(0))
    used = sum((one.used_hours for one in each), Decimal(0))
    return {
        "total_team_members": len(each),
        "total_capacity_hours": capacity,
        "total_utilized_hours": used,
        "utilization_rate": HUNDRED * used / capacity if capacity else Decimal(0),
        "overloaded_members": sum(one.is_overloaded for one in each),
        "available_capacity": capacity - used,
    }
