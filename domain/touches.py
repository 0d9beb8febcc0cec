"""When a contact is next to be touched, by its cadence, and on which day of its owner's there is room for it."""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain import recurrence
from domain.calendars import from_wall

TOUCH_AT = time(8)
"""Local time of a touch that the cadence plans."""
DAY_ENDS_AT = time(17)
LATEST_START = timedelta(hours=8)
MOST_DAYS = 1_500
"""How far a touch is moved at most to find room: some six years of working days."""


def anchor_for(day: date, chosen: int | None) -> int:
    """The day of the month that a series goes on by from `day`: the one first chosen, where the month's end cut it
    short, else the day itself, since a touch in mid-month starts the month anew.
    """
    is_month_end = day.day == monthrange(day.year, day.month)[1]
    return chosen if chosen is not None and is_month_end and day.day < chosen <= 31 else day.day


def after(cadence: str, base: datetime, *, anchor_day: int | None, zone: ZoneInfo) -> datetime:
    """The touch that follows the aware instant `base`: a period later, at 08:00 local, in UTC.

    `anchor_day` is the first day of the month chosen, which counts at month ends. Raises ValueError for an unknown
    cadence.
    """
    day = base.astimezone(zone).date()
    return recurrence.next_occurrence(
        cadence, after=base, anchor_day=anchor_for(day, anchor_day), zone=zone, at=TOUCH_AT
    )


def collapsed(
    cadence: str, *, due: datetime, now: datetime, anchor_day: int | None, zone: ZoneInfo
) -> recurrence.Missed:
    """What a touch due at `due` came to by `now`, if nobody looked meanwhile; the following one lies after `now`."""
    day = due.astimezone(zone).date()
    return recurrence.collapse(
        cadence, due=due, now=now, anchor_day=anchor_for(day, anchor_day), zone=zone, at=TOUCH_AT
    )


def task_due(occurrence: datetime, *, now: datetime, zone: ZoneInfo) -> datetime:
    """When the task of an occurrence that came is due: 17:00 local that day, or in eight hours if that is past."""
    evening = from_wall(datetime.combine(occurrence.astimezone(zone).date(), DAY_ENDS_AT), zone)
    return evening if evening > now else now + LATEST_START


def with_room(
    wanted: datetime,
    *,
    zone: ZoneInfo,
    owner_zone: ZoneInfo,
    has_room: Callable[[date], bool],
    is_working_day: Callable[[date], bool],
) -> datetime:
    """`wanted` if the owner's local day has room, else the same wall time on the next working day of theirs that has.

    Days are the owner's; the wall time is that of `zone`. Nothing moves when no day within `MOST_DAYS` will do.
    """
    wall = wanted.astimezone(zone).replace(tzinfo=None)
    instant = wanted
    for days in range(1, MOST_DAYS):
        day = instant.astimezone(owner_zone).date()
        if has_room(day) and (days == 1 or is_working_day(day)):
            return instant
        instant = from_wall(wall + timedelta(days=days), zone)
    return wanted
