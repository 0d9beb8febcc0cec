"""When a repeating task or a contact's cadence comes round again, on the local calendar."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.calendars import from_wall

_DAYS = {"daily": 1, "weekly": 7, "biweekly": 14}
_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
CADENCES: tuple[str, ...] = (*_DAYS, *_MONTHS)


def next_occurrence(cadence: str, *, after: datetime, anchor_day: int | None = None, zone: ZoneInfo) -> datetime:
    """The occurrence that follows the aware instant `after`, in UTC, at the same local wall time in `zone`.

    Months end early without losing their day: with `anchor_day` 31 the series runs 31 Jan, 28 or 29 Feb, 31 Mar.
    `anchor_day` (1 to 31) is the first day chosen; left out, it is the day of `after`. Gaps and folds of the clock
    are settled as in `calendars.from_wall`. Raises ValueError for another cadence or day.
    """
    wall = after.astimezone(zone).replace(tzinfo=None)
    if cadence in _DAYS:
        return from_wall(wall + timedelta(days=_DAYS[cadence]), zone)
    if cadence not in _MONTHS:
        raise ValueError(f"Unknown cadence {cadence!r}: use one of {', '.join(CADENCES)}.")
    if anchor_day is not None and not 1 <= anchor_day <= 31:
        raise ValueError(f"anchor_day is {anchor_day}: give a day of the month from 1 to 31.")
    day = _months_later(wall.date(), _MONTHS[cadence], anchor_day or wall.day)
    return from_wall(datetime.combine(day, wall.time()), zone)


def _months_later(day: date, months: int, anchor_day: int) -> date:
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(anchor_day, monthrange(year, month0 + 1)[1]))
