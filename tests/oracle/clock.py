"""Local time, working time and due dates by brute force: walk along the clock until it shows what is wanted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

QUARTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
LOOK = 60
"""Days in which a test's week has working time again."""

_KNOWN = available_timezones()


def first_known(*names: str) -> ZoneInfo:
    """The first zone there is; UTC when there is none."""
    return ZoneInfo(next((name for name in names if name in _KNOWN), "UTC"))


def shown(instant: datetime, zone: ZoneInfo) -> datetime:
    """What a clock on the wall shows."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=100_000)
def first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock shows `wall` or, where it jumps over that, the first thing after it.

    Offsets change on quarter hours, so each of them is looked at as a whole.
    """
    start = wall.replace(tzinfo=UTC) - timedelta(hours=27)
    start -= timedelta(minutes=start.minute % 15, seconds=start.second, microseconds=start.microsecond)
    for _ in range(4 * 54):
        offset = shown(start, zone) - start.replace(tzinfo=None)
        instant = (wall - offset).replace(tzinfo=UTC)
        if instant < start + QUARTER:
            return max(instant, start)
        start += QUARTER
    raise AssertionError(f"no clock of {zone} ever shows {wall}")


def day_of(instant: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The local day as instants: when it begins, when the next one does."""
    midnight = datetime.combine(shown(instant, zone).date(), time())
    return first_shown(midnight, zone), first_shown(midnight + DAY, zone)


def next_time_of_day(after: datetime, zone: ZoneInfo, at: time) -> datetime:
    """The first instant later than `after` at which a clock shows `at`."""
    day = shown(after, zone).date() - DAY
    while (found := first_shown(datetime.combine(day, at), zone)) <= after:
        day += DAY
    return found


@dataclass(frozen=True)
class Week:
    """Working spans (weekday, start, end) on the clock of a zone, and the days on which nobody works."""

    spans: tuple[tuple[int, time, time], ...]
    zone: ZoneInfo
    off: frozenset[date] = frozenset()

    def on(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The day's working time as instants."""
        return _working_time(self, day)

    def around(self, instant: datetime) -> Iterator[tuple[datetime, datetime]]:
        today = shown(instant, self.zone).date()
        for day in (today - DAY, today, today + DAY, today + 2 * DAY):  # a zone may skip one
            yield from self.on(day)

    def works(self, instant: datetime) -> bool:
        return any(begin <= instant < end for begin, end in self.around(instant))

    def next_working_day(self, day: date) -> date:
        """The day itself when it is one."""
        while not self.on(day):
            day += DAY
        return day


@lru_cache(maxsize=10_000)
def _working_time(week: Week, day: date) -> tuple[tuple[datetime, datetime], ...]:
    found = []
    for weekday, starts, ends in week.spans:
        if weekday == day.weekday() and day not in week.off:
            last = day if ends > starts else day + DAY
            begin = first_shown(datetime.combine(day, starts), week.zone)
            found.append((begin, first_shown(datetime.combine(last, ends), week.zone)))
    return tuple((begin, end) for begin, end in found if begin < end)


def after_working_time(week: Week, start: datetime, amount: timedelta) -> datetime:
    """Walks on second by second, and by quarter hours where nothing changes within one."""
    instant, left = start, amount
    while left > timedelta():
        edges = [edge for span in week.around(instant) for edge in span if instant < edge < instant + QUARTER]
        step = SECOND if edges or left < QUARTER else QUARTER
        if week.works(instant):
            left -= step
        instant += step
    return instant


def into_working_time(week: Week, instant: datetime, choice: str) -> datetime:
    """`as_is`, or the next begin or previous end of working time for an instant outside it; its end is inside."""
    if choice == "as_is" or any(begin <= instant <= end for begin, end in week.around(instant)):
        return instant
    today = shown(instant, week.zone).date()
    near = [span for days in range(-LOOK, LOOK) for span in week.on(today + days * DAY)]
    if choice == "next":
        return min((begin for begin, _ in near if begin > instant), default=instant)
    return max((end for _, end in near if end < instant), default=instant)


def due(rule: dict[str, Any], start: datetime, week: Week) -> datetime:
    """When the task of a rule is due for something that happened at `start`."""
    kind = rule.get("delay_kind", "elapsed")
    choice = rule.get("outside_hours") or ("as_is" if kind == "elapsed" else "next")
    return into_working_time(week, _counted(rule, kind, start, week), choice)


def _counted(rule: dict[str, Any], kind: str, start: datetime, week: Week) -> datetime:
    hours = timedelta(seconds=int(Decimal(str(rule.get("delay_hours", 0))) * 3600))
    days, at = rule.get("delay_days"), rule.get("delay_at")
    if kind == "elapsed":
        return start + hours
    if days is None:
        return after_working_time(week, start, hours)
    local = shown(start, week.zone)
    day = local.date() if kind == "calendar" else week.next_working_day(local.date())
    for _ in range(days):
        day = day + DAY if kind == "calendar" else week.next_working_day(day + DAY)
    if day == local.date() and at is None:
        return start
    found = first_shown(datetime.combine(day, at or local.time()), week.zone)
    if found < start:  # the hour of today is over
        day = day + DAY if kind == "calendar" else week.next_working_day(day + DAY)
        found = first_shown(datetime.combine(day, at or local.time()), week.zone)
    return found
