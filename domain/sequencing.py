"""Follow-up sequences: those that come ready-made, when the steps of any are due, and what moves when one is late."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from domain import calendars, delays
from domain.calendars import Schedule
from domain.delays import Delay, Due

Slip = Literal["anchor", "push"]

LEAST_GAP = timedelta(hours=20)
"""Between two steps of one enrolment. Presets keep their offsets and are planned with no gap."""

PRESETS: dict[str, tuple[int, ...]] = {
    "standard": (1, 3, 7, 14),
    "aggressive": (1, 2, 4, 7),
    "gentle": (3, 7, 14, 30),
}
"""Days after enrolment, by sequence type."""


class UnknownSequence(ValueError):
    """No preset has this name."""

    def __init__(self, sequence_type: str) -> None:
        super().__init__(f"Unknown sequence {sequence_type!r}: use one of {', '.join(PRESETS)}.")


def sequence_due_dates(
    sequence_type: str, *, start: datetime, start_delay_hours: Decimal | int | float = 0
) -> list[datetime]:
    """The due instants of a preset, in UTC, ascending.

    Days are elapsed time (24 h each) from the aware `start`; the delay shifts all of them.
    Raises UnknownSequence for another name, ValueError for a delay that is negative or not a number.
    """
    if sequence_type not in PRESETS:
        raise UnknownSequence(sequence_type)
    if not math.isfinite(start_delay_hours) or start_delay_hours < 0:
        raise ValueError(f"start_delay_hours is {start_delay_hours}: give 0 or more hours; leave it out to start now.")
    # In UTC, because adding to a zoned datetime would add wall time and be an hour off across a clock change.
    first = start.astimezone(UTC) + timedelta(hours=float(start_delay_hours))
    return [first + timedelta(days=days) for days in PRESETS[sequence_type]]


class HasDelay(Protocol):
    """A step as planning sees it: its delay, and whether that counts from the step before or from enrolment."""

    @property
    def delay(self) -> Delay: ...

    @property
    def from_previous(self) -> bool: ...


@dataclass(frozen=True)
class Step:
    """The plainest step there is."""

    delay: Delay = field(default_factory=Delay)
    from_previous: bool = False


def plan(
    steps: Sequence[HasDelay],
    *,
    start: datetime,
    schedule: Schedule,
    slip: Slip,
    least_gap: timedelta = LEAST_GAP,
) -> list[Due]:
    """When each step is due for somebody enrolled at the aware `start`, in the order of the steps.

    A delay counts from enrolment, or from the due instant of the step before where the step says so. A step that
    would come sooner than `least_gap` after the one before moves to that instant or, by its own hour and choice for
    times outside work, later. Under `push` what a step moved by is added to the later ones that count from enrolment,
    under `anchor` it is not. Raises ValueError for another slip or a delay that `delays.check` complains about.
    """
    _check_slip(slip)
    dues: list[Due] = []
    counted_from = start.astimezone(UTC)
    for step in steps:
        origin = dues[-1].instant if step.from_previous and dues else counted_from
        wanted = delays.due(step.delay, start=origin, schedule=schedule)
        placed = _apart(wanted, dues[-1] if dues else None, step.delay, schedule, least_gap)
        if slip == "push":
            counted_from += placed.instant - wanted.instant
        dues.append(placed)
    return dues


def repush(
    steps: Sequence[HasDelay],
    planned: Sequence[Due],
    *,
    index: int,
    happened: datetime,
    now: datetime,
    schedule: Schedule,
    slip: Slip,
    least_gap: timedelta = LEAST_GAP,
) -> list[Due]:
    """The dates of the steps after `index`, now that this one happened at `happened` and not as `planned`.

    Nothing moves for a step that was on time or early, and no date ever moves back. When it was late: `push` moves
    the later ones by as much (one with an hour of its own to that hour of the day so reached), `anchor` leaves
    them; one that counts from the step before is counted anew from what really happened. Then each keeps `least_gap`
    from the one before and none lies before `now`. With no gap (presets) `anchor` keeps every date, past ones too: a
    date that has gone by says how late the step is. Raises ValueError for another slip.
    """
    _check_slip(slip)
    late = happened.astimezone(UTC) - planned[index].instant
    later = list(planned[index + 1 :])
    if late <= timedelta() or (slip == "anchor" and not least_gap):
        return later
    before = delays.at_instant(happened, schedule.zone)
    moved: list[Due] = []
    for step, old in zip(steps[index + 1 :], later, strict=True):
        new = old
        if step.from_previous:
            new = delays.due(step.delay, start=before.instant, schedule=schedule)
        elif slip == "push":
            new = _pushed(old, late, step.delay, schedule)
        new = _not_before(max(new, old, key=_instant), now.astimezone(UTC), step.delay, schedule)
        before = _apart(new, before, step.delay, schedule, least_gap)
        moved.append(before)
    return moved


def clear_of(
    taken: Iterable[datetime],
    steps: Sequence[HasDelay],
    dates: Sequence[Due],
    *,
    schedule: Schedule,
    least_gap: timedelta = LEAST_GAP,
) -> list[Due]:
    """The dates, each moved on until it is `least_gap` from every instant taken, on either side, and from the rest."""
    occupied = list(taken)
    moved: list[Due] = []
    for step, due in zip(steps, dates, strict=True):
        for instant in sorted(occupied):
            if abs(due.instant - instant) < least_gap:
                due = _not_before(due, instant + least_gap, step.delay, schedule)
        occupied.append(due.instant)
        moved.append(due)
    return moved


def pause_length(began: datetime, ended: datetime, zone: ZoneInfo) -> timedelta:
    """How long a pause was, in whole days of the local clock and what is left over in hours that passed.

    From Friday ten o'clock to Monday ten o'clock it is three days, also over a change of the clocks. An end before
    the beginning is no pause.
    """
    began, ended = began.astimezone(UTC), ended.astimezone(UTC)  # two times of one zone differ by what clocks show
    wall = began.astimezone(zone).replace(tzinfo=None)
    days = max(0, (ended.astimezone(zone).date() - wall.date()).days)
    if days and calendars.from_wall(wall + timedelta(days=days), zone) > ended:
        days -= 1
    last = calendars.from_wall(wall + timedelta(days=days), zone) if days else began
    return timedelta(days=days) + max(timedelta(), ended - last)


def shift(
    steps: Sequence[HasDelay],
    dates: Sequence[Due],
    pause: timedelta,
    *,
    schedule: Schedule,
    least_gap: timedelta = LEAST_GAP,
) -> list[Due]:
    """The dates after a pause: each by as much later on the local clock, so a week's pause keeps 09:00 at 09:00.

    What was left of a delay when the clock stopped is left of it afterwards, up to the hour of a clock change. One that
    comes to lie outside working time goes on to it where its step says so, and each keeps `least_gap` from the one
    before. Raises ValueError for a negative pause.
    """
    if pause < timedelta():
        raise ValueError(f"The pause is {pause}: it cannot end before it began.")
    if not pause:
        return list(dates)
    moved: list[Due] = []
    for step, date in zip(steps, dates, strict=True):
        later = _shifted(date, pause)
        later = _in_working_time(later.instant, later, step.delay, schedule)
        moved.append(_apart(later, moved[-1] if moved else None, step.delay, schedule, least_gap))
    return moved


def _shifted(due: Due, pause: timedelta) -> Due:
    zone = ZoneInfo(due.zone)
    wall = due.instant.astimezone(zone).replace(tzinfo=None) + pause
    return delays.at_instant(calendars.from_wall(wall, zone), zone, note=due.note)


def _pushed(old: Due, late: timedelta, delay: Delay, schedule: Schedule) -> Due:
    """Later by a slip; a step with an hour of its own takes the day and keeps the hour: minutes late move nothing."""
    instant = old.instant + late
    if delay.at is not None:
        day = instant.astimezone(schedule.zone).date()
        instant = calendars.from_wall(datetime.combine(day, delay.at), schedule.zone)
    return _in_working_time(instant, old, delay, schedule)


def _apart(due: Due, before: Due | None, delay: Delay, schedule: Schedule, least_gap: timedelta) -> Due:
    if before is None or not least_gap:
        return due
    return _not_before(due, before.instant + least_gap, delay, schedule)


def _not_before(due: Due, floor: datetime, delay: Delay, schedule: Schedule) -> Due:
    """`due`, else the first instant from `floor` on that suits the step's hour and working time."""
    if due.instant >= floor:
        return due
    instant = floor
    if delay.at is not None:
        before = floor - timedelta(microseconds=1)
        instant = calendars.next_local_time(before, schedule.zone, delay.at.hour, delay.at.minute)
    return _in_working_time(instant, due, delay, schedule)


def _in_working_time(instant: datetime, old: Due, delay: Delay, schedule: Schedule) -> Due:
    """A moved step goes on to working time and never back to it, which would undo the move."""
    choice: delays.Outside = "as_is" if delays.outside(delay) == "as_is" else "next"
    moved = calendars.shift_into_working_time(instant, schedule, choice)
    return delays.at_instant(moved, schedule.zone, note=old.note)


def _instant(due: Due) -> datetime:
    return due.instant


def _check_slip(slip: str) -> None:
    if slip not in ("anchor", "push"):
        raise ValueError(f"Unknown choice {slip!r} for a step that slips: use anchor or push.")
