"""When a repeating task or a contact's cadence comes round again, on the local calendar."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.calendars import from_wall

_DAYS = {"daily": 1, "weekly": 7, "biweekly": 14}
_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
CADENCES: tuple[str, ...] = (*_DAYS, *_MONTHS)
"""The words; every N days is written `days:N`."""

_EVERY_N = re.compile(r"days:([1-9][0-9]{0,3})", re.ASCII)
MAX_DAYS = 3_650


@dataclass(frozen=True)
class Missed:
    """What a series came to by now: the last occurrence up to now, the next, and how many passed, the due one too."""

    latest: datetime
    following: datetime
    count: int


def check_cadence(word: str) -> str:
    """The cadence again, when there is one of that name. Raises ValueError that lists them."""
    _step(word)
    return word


def label(word: str) -> str:
    """The cadence for people: "Weekly", "Every 10 days". Raises ValueError as `check_cadence`."""
    days, _ = _step(word)
    if word in CADENCES:
        return word.capitalize()
    return "Every day" if days == 1 else f"Every {days} days"


def next_occurrence(
    cadence: str, *, after: datetime, anchor_day: int | None = None, zone: ZoneInfo, at: time | None = None
) -> datetime:
    """The occurrence that follows the aware instant `after`, in UTC, at the same local wall time in `zone`.

    Months end early without losing their day: with `anchor_day` 31 the series runs 31 Jan, 28 or 29 Feb, 31 Mar.
    `anchor_day` (1 to 31) is the first day chosen; left out, it is the day of `after`. `at` is the first time of day
    chosen, for a series that a clock change once moved; left out, it is the time of `after`. Gaps and folds of the
    clock are settled as in `calendars.from_wall`. Raises ValueError for another cadence or day.
    """
    return _Series(cadence, after, anchor_day, zone, at).occurrence(1)


def occurrences_between(
    cadence: str,
    *,
    first: datetime,
    start: datetime,
    end: datetime,
    anchor_day: int | None = None,
    zone: ZoneInfo,
    at: time | None = None,
    limit: int = 1_000,
) -> list[datetime]:
    """The occurrences within [start, end) of the series that begins with `first`, in UTC; the first `limit` of them."""
    series = _Series(cadence, first, anchor_day, zone, at)
    number = max(0, series.last_up_to(start))
    found: list[datetime] = []
    while len(found) < limit and (instant := series.occurrence(number)) < end:
        if instant >= start and instant not in found[-1:]:  # midnights of a day that the zone skips come together
            found.append(instant)
        number += 1
    return found


def collapse(
    cadence: str,
    *,
    due: datetime,
    now: datetime,
    anchor_day: int | None = None,
    zone: ZoneInfo,
    at: time | None = None,
) -> Missed:
    """What became of a series whose occurrence `due` has come, however long ago; costs the same for a day or a decade.

    Occurrences are counted from the wall time of `due`, so a clock change on the way leaves no trace. A count of 1
    means that none was missed. Raises ValueError when `due` is still to come.
    """
    if due > now:
        raise ValueError(f"{due.isoformat()} is still to come: only what is due can be collapsed.")
    series = _Series(cadence, due, anchor_day, zone, at)
    number = series.last_up_to(now)
    return Missed(series.occurrence(number), series.occurrence(number + 1), number + 1)


class _Series:
    """The occurrences of a cadence, numbered from the one it starts with (0)."""

    def __init__(
        self, cadence: str, first: datetime, anchor_day: int | None, zone: ZoneInfo, at: time | None = None
    ) -> None:
        self.days, self.months = _step(cadence)
        if anchor_day is not None and not 1 <= anchor_day <= 31:
            raise ValueError(f"anchor_day is {anchor_day}: give a day of the month from 1 to 31.")
        self.first, self.zone = first.astimezone(UTC), zone
        self.wall = first.astimezone(zone).replace(tzinfo=None)
        self.anchor_day = anchor_day or self.wall.day
        self.at = at or self.wall.time()

    def occurrence(self, number: int) -> datetime:
        if number == 0:
            return self.first
        if self.days:
            day = self.wall.date() + timedelta(days=self.days * number)
        else:
            day = _months_later(self.wall.date(), self.months * number, self.anchor_day)
        return from_wall(datetime.combine(day, self.at), self.zone)

    def last_up_to(self, now: datetime) -> int:
        """The number of the last occurrence not after `now`; -1 when the first is. A guess, then a step or two."""
        if self.first > now:
            return -1
        wall = now.astimezone(self.zone).replace(tzinfo=None)
        if self.days:
            number = (wall.date() - self.wall.date()).days // self.days
        else:
            number = ((wall.year - self.wall.year) * 12 + wall.month - self.wall.month) // self.months
        while self.occurrence(number + 1) <= now:
            number += 1
        while self.occurrence(number) > now:
            number -= 1
        return number


def _step(cadence: str) -> tuple[int, int]:
    """Days and months from one occurrence to the next; one of them is 0."""
    if cadence in CADENCES:
        return _DAYS.get(cadence, 0), _MONTHS.get(cadence, 0)
    found = _EVERY_N.fullmatch(cadence)
    if found and int(found[1]) <= MAX_DAYS:
        return int(found[1]), 0
    raise ValueError(
        f"Unknown cadence {cadence!r}: use one of {', '.join(CADENCES)}, or days:N with N from 1 to {MAX_DAYS}."
    )


def _months_later(day: date, months: int, anchor_day: int) -> date:
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(anchor_day, monthrange(year, month0 + 1)[1]))
