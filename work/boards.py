"""A week by person and day: the hours of each day, what is due on it, and what was done."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise

from domain import calendars
from people.absences import Absence
from people.models import User
from work.capacity import HUNDRED, Booking
from work.models import Assignment

DAYS = 7
NEARLY_FULL = Decimal(90)
"""Percent of a day or a week from which it is shown as nearly full."""
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Cell:
    """One local day of one person, in hours.

    `hours` are those that tasks may fill, of the whole day; `booked` what is left of the open work due on it, of today
    what is overdue as well. `done` is what was finished on it, by actual hours or else the estimate.
    """

    on: date
    hours: Decimal
    booked: Decimal
    tasks: int
    done: Decimal
    finished: int
    off: Absence | None
    is_today: bool
    is_past: bool

    @property
    def over(self) -> Decimal:
        """Hours of work beyond those of the day."""
        return max(self.booked - self.hours, _NOTHING)

    @property
    def is_nearly_full(self) -> bool:
        return bool(self.hours) and not self.over and HUNDRED * self.booked >= NEARLY_FULL * self.hours


@dataclass(frozen=True)
class Row:
    """One person's week. Of the current week `used_hours` counts undated work too, as everywhere else."""

    user: User
    cells: tuple[Cell, ...]
    contracted_hours: Decimal
    undated_hours: Decimal
    undated: int

    @property
    def max_hours(self) -> Decimal:
        return sum((cell.hours for cell in self.cells), _NOTHING)

    @property
    def busy_hours(self) -> Decimal:
        """Of the contracted hours, those that their calendar elsewhere has taken."""
        return (self.contracted_hours - self.max_hours / self.user.focus_factor).quantize(Decimal("0.01"))

    @property
    def used_hours(self) -> Decimal:
        return sum((cell.booked for cell in self.cells), self.undated_hours)

    @property
    def done_hours(self) -> Decimal:
        return sum((cell.done for cell in self.cells), _NOTHING)

    @property
    def finished(self) -> int:
        return sum(cell.finished for cell in self.cells)

    @property
    def is_past(self) -> bool:
        return self.cells[-1].is_past

    @property
    def tasks(self) -> int:
        return sum(cell.tasks for cell in self.cells) + self.undated

    @property
    def is_overloaded(self) -> bool:
        """Strictly more work than hours."""
        return self.used_hours > self.max_hours

    @property
    def utilization(self) -> Decimal | None:
        """Percent of the week that is spoken for; None in a week without working time."""
        return HUNDRED * self.used_hours / self.max_hours if self.max_hours else None

    @property
    def is_nearly_full(self) -> bool:
        return self.utilization is not None and not self.is_overloaded and self.utilization >= NEARLY_FULL


def week(
    users: Sequence[User],
    *,
    monday: date,
    now: datetime,
    plans: Mapping[int, calendars.Schedule],
    held: Mapping[int, Sequence[Booking]],
    off: Mapping[int, Mapping[date, Absence]],
) -> list[Row]:
    """The week that begins on that Monday, each person's on their own clock, in their order; one query, of
    a week that has begun.

    `plans`, `held` and `off` are those of `hours.schedules`, `capacity.bookings` and `absences.between`.
    """
    begun = monday <= now.date() + timedelta(days=1)  # somewhere
    done = _done(users, monday) if begun else {}
    counted = cache(_hours)  # once for all who work the same week
    return [
        _row(user, monday, now, plans[user.pk], held[user.pk], off.get(user.pk, {}), done.get(user.pk, ()), counted)
        for user in users
    ]


def _row(
    user: User,
    monday: date,
    now: datetime,
    plan: calendars.Schedule,
    held: Iterable[Booking],
    off: Mapping[date, Absence],
    done: Iterable[tuple[datetime, Decimal]],
    counted: Callable[[calendars.Schedule, date], tuple[Decimal, ...]],
) -> Row:
    bounds, today = _bounds(monday, plan), now.astimezone(plan.zone).date()
    booked, tasks = [_NOTHING] * DAYS, [0] * DAYS
    undated, without_date = _NOTHING, 0
    this_week = monday <= today < monday + timedelta(days=DAYS)
    for one in held:
        if one.due is None:
            undated, without_date = undated + one.left, without_date + 1
            continue
        at = _day_of(one.due, bounds)
        if this_week and at < (today - monday).days:
            at = (today - monday).days  # what is overdue is to be done today
        if 0 <= at < DAYS and monday + timedelta(days=at) >= today:
            booked[at] += one.left
            tasks[at] += 1
    spent, finished = [_NOTHING] * DAYS, [0] * DAYS
    for ended_at, took in done:
        at = (ended_at.astimezone(plan.zone).date() - monday).days
        if 0 <= at < DAYS:
            spent[at] += took
            finished[at] += 1
    hours = counted(plan, monday)
    cells = (
        Cell(
            on=(on := monday + timedelta(days=at)),
            hours=hours[at] * user.focus_factor,
            booked=booked[at],
            tasks=tasks[at],
            done=spent[at],
            finished=finished[at],
            off=off.get(on),
            is_today=on == today,
            is_past=on < today,
        )
        for at in range(DAYS)
    )
    contracted = sum(counted(replace(plan, busy=()), monday), _NOTHING)
    return Row(user, tuple(cells), contracted, undated if this_week else _NOTHING, without_date if this_week else 0)


def _bounds(monday: date, plan: calendars.Schedule) -> list[datetime]:
    """The eight midnights of the week, the first of which begins it."""
    days = (monday + timedelta(days=n) for n in range(DAYS + 1))
    return [calendars.from_wall(datetime.combine(day, time()), plan.zone) for day in days]


def _day_of(due: datetime, bounds: Sequence[datetime]) -> int:
    """0 for the Monday, less before it and 7 after the Sunday. What is due at midnight is due on the day that ends."""
    return bisect_left(bounds, due) - 1


def _hours(plan: calendars.Schedule, monday: date) -> tuple[Decimal, ...]:
    bounds = _bounds(monday, plan)
    clock = calendars.Clock(plan, start=bounds[0], end=bounds[-1])
    until = [clock.hours(bound) for bound in bounds]
    return tuple(after - before for before, after in pairwise(until))


def _done(users: Iterable[User], monday: date) -> dict[int, list[tuple[datetime, Decimal]]]:
    """What these people finished in the week, and a day on either side of it, which other zones may count to it."""
    start = calendars.from_wall(datetime.combine(monday, time()), calendars.first_zone("UTC").zone)
    ended = Assignment.objects.filter(
        user__in=users,
        outcome=Assignment.COMPLETED,
        ended_at__gte=start - timedelta(days=1),
        ended_at__lt=start + timedelta(days=DAYS + 1),
    )
    found: dict[int, list[tuple[datetime, Decimal]]] = {}
    for user_id, at, actual, estimate in ended.values_list("user_id", "ended_at", "actual_hours", "estimated_hours"):
        if at is not None:
            found.setdefault(user_id, []).append((at, actual if actual is not None else estimate or _NOTHING))
    return found
