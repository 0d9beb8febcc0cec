"""How many hours people have this week, and how many are spoken for."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import accumulate
from statistics import median
from typing import Any, NamedTuple

from domain import calendars
from people import hours
from people.models import Team, User
from work.models import Task

ONE_HOUR = Decimal(1)
HUNDRED = Decimal(100)
LEAST_LEFT = Decimal("0.25")
SAMPLE = 200
"""How many of the newest tasks of a kind are looked at for how long one usually takes."""
_FEWEST = 3  # of a kind: fewer say less than the whole team's tasks do


@dataclass(frozen=True)
class Capacity:
    """One person's current week (Monday to Sunday in their zone), in hours.

    `contracted_hours` is working time less time off and holidays, `max_hours` what tasks may fill: that less busy
    times, and of this the person's focus factor; `used_hours` what is left of open work that is due by the week's end,
    overdue or undated; `busy_hours` how much working time the busy times take.
    """

    user_id: int
    contracted_hours: Decimal
    max_hours: Decimal
    used_hours: Decimal
    busy_hours: Decimal = Decimal(0)

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
            "contracted_hours": self.contracted_hours,
            "busy_hours": self.busy_hours,
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
    counted = cache(calendars.working_hours)  # once for all who work the same week
    worked = {pk: counted(replace(plans[pk], busy=()), start=start, end=end) for pk, (start, end) in ends.items()}
    free = {pk: counted(plans[pk], start=start, end=end) for pk, (start, end) in ends.items()}
    return {
        user.pk: Capacity(
            user.pk,
            contracted_hours=worked[user.pk],
            max_hours=free[user.pk] * user.focus_factor,
            used_hours=used[user.pk],
            busy_hours=worked[user.pk] - free[user.pk],
        )
        for user in people
    }


@dataclass(frozen=True)
class Day:
    """One local day of a person, in hours: those that tasks may fill, those due on it, and what is left until its end.

    `free_until` is all hours from now to the day's end less all work due by then, with what is overdue and without
    what has no date; it is negative when not everything can be in time.
    """

    on: date
    hours: Decimal
    due_hours: Decimal
    free_until: Decimal


def days(user: User, *, now: datetime, count: int = 7) -> list[Day]:
    """The next days of the person in their zone, today (what is left of it) first."""
    plan = hours.schedules([user])[user.pk]
    today = now.astimezone(plan.zone).date()
    ends = [
        calendars.from_wall(datetime.combine(today + timedelta(days=day + 1), time()), plan.zone)
        for day in range(count)
    ]
    # What is due at midnight is due on the day that ends with it.
    due = booked_by(bookings([user], UsualEstimates())[user.pk], ends)
    clock = calendars.Clock(plan, start=now, end=ends[-1])
    worked = [clock.hours(end) * user.focus_factor for end in ends]
    return [
        Day(today + timedelta(days=at), worked[at] - before[0], due[at] - before[1], worked[at] - due[at])
        for at, before in enumerate([(Decimal(0), Decimal(0)), *zip(worked, due, strict=True)][:count])
    ]


class Booking(NamedTuple):
    """An open task that somebody holds, and the hours that are left of it."""

    task_id: int
    due: datetime | None
    left: Decimal


def bookings(people: Iterable[User], usual: "UsualEstimates") -> dict[int, list[Booking]]:
    """What each of them holds, in one query, and one more for each kind of task without an estimate.

    A task without an estimate books what is usual.
    """
    held: dict[int, list[Booking]] = {user.pk: [] for user in people}
    columns = ("id", "assignee_id", "team_id", "kind", "due_date", "estimated_hours", "actual_hours")
    rows = Task.objects.filter(assignee_id__in=list(held)).open().values_list(*columns)
    for task_id, holder, team_id, kind, due, estimate, spent in rows:
        whole = estimate if estimate is not None else usual.of(team_id, kind)
        held[holder].append(Booking(task_id, due, left_of(whole, spent)))
    return held


def left_of(whole: Decimal, spent: Decimal | None) -> Decimal:
    """The hours that are left of a task of so many.

    What has taken longer than it should is not done yet, so a quarter hour is always left.
    """
    return max(whole - spent, min(whole, LEAST_LEFT)) if spent else whole


def booked_hours(people: list[User], ends: Mapping[int, datetime]) -> dict[int, Decimal]:
    """Hours left of open work that is due by each person's `ends`, that instant included, overdue or undated."""
    return {
        holder: sum((one.left for one in held if one.due is None or one.due <= ends[holder]), Decimal(0))
        for holder, held in bookings(people, UsualEstimates()).items()
    }


def booked_by(held: Iterable[Booking], dues: Sequence[datetime]) -> list[Decimal]:
    """Hours left of the work that is due by each of the ascending `dues`, that instant included."""
    until = [Decimal(0)] * len(dues)
    for one in held:
        at = len(dues) if one.due is None else bisect_left(dues, one.due)
        if at < len(dues):
            until[at] += one.left
    return list(accumulate(until))


class UsualEstimates:
    """How long a task without an estimate is taken to be: the median of the newest tasks of its kind.

    A finished one counts with the hours it took, else with its estimate. Of a kind that has too few of these the team's
    newest tasks decide, and without any it is an hour.
    """

    def __init__(self) -> None:
        self._medians: dict[tuple[int, str | None], Decimal | None] = {}

    def of(self, team_id: int, kind: str) -> Decimal:
        return self._median(team_id, kind) or self._median(team_id, None) or ONE_HOUR

    def _median(self, team_id: int, kind: str | None) -> Decimal | None:
        """None when too few of them say how long they take; without a kind it is of all the team's."""
        if (team_id, kind) not in self._medians:
            newest = Task.objects.filter(team_id=team_id, **({} if kind is None else {"kind": kind})).order_by("-id")
            rows = newest.values_list("status", "actual_hours", "estimated_hours")[:SAMPLE]
            known = [actual if status == Task.DONE and actual else estimate for status, actual, estimate in rows]
            sample = [hours for hours in known if hours]
            enough = len(sample) >= (1 if kind is None else _FEWEST)
            self._medians[team_id, kind] = median(sample) if enough else None
        return self._medians[team_id, kind]


def assumed_hours(task: Task) -> Decimal | None:
    """What an open task without an estimate is taken to be; None for one that has an estimate or is finished."""
    if task.estimated_hours is not None or not task.is_open:
        return None
    return UsualEstimates().of(task.team_id, task.kind)


def team_status(team: Team, *, now: datetime) -> dict[str, Any]:
    """The team's week: contracted hours less absences, what is spoken for, and who has too much."""
    each = weeks(User.objects.active().filter(team=team).select_related("team"), now=now).values()
    capacity = sum((one.contracted_hours for one in each), Decimal(0))
    used = sum((one.used_hours for one in each), Decimal(0))
    return {
        "total_team_members": len(each),
        "total_capacity_hours": capacity,
        "total_utilized_hours": used,
        "utilization_rate": HUNDRED * used / capacity if capacity else Decimal(0),
        "overloaded_members": sum(one.is_overloaded for one in each),
        "available_capacity": capacity - used,
    }
