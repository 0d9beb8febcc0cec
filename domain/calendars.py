"""Local time made certain: which zone counts, what a wall time means across clock changes, and working time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

_HOUR_US = Decimal(3_600_000_000)
_SEARCH_DAYS = 400  # A schedule without working time for over a year has nowhere to move a due time to.


@dataclass(frozen=True)
class Zone:
    """A time zone that exists, and the names before it that did not (to be flagged)."""

    zone: ZoneInfo
    name: str
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """Working time on a weekday (0 = Monday), local. One that ends at or before its start runs into the next day."""

    weekday: int
    starts: time
    ends: time


@dataclass(frozen=True)
class Schedule:
    """Somebody's working week in their zone, without the spans that begin on a day off."""

    spans: tuple[Span, ...]
    zone: ZoneInfo
    days_off: frozenset[date] = frozenset()


DEFAULT_WEEK: tuple[Span, ...] = tuple(Span(day, time(9), time(17)) for day in range(5))
"""Monday to Friday, 09:00 to 17:00: 40 hours."""


def first_zone(*names: str | None) -> Zone:
    """The first known IANA zone among `names` (empty ones don't count), else UTC; unknown ones are reported."""
    unknown: list[str] = []
    for name in filter(None, names):
        try:
            return Zone(ZoneInfo(name), name, tuple(unknown))
        except (KeyError, ValueError, OSError):  # OSError: "Europe" is a folder of the zone database
            unknown.append(name)
    return Zone(ZoneInfo("UTC"), "UTC", tuple(unknown))


@lru_cache(maxsize=8192)
def from_wall(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which clocks in `zone` show the naive `wall`.

    Skipped by the clock (spring): the first valid instant after the gap. Shown twice (autumn): the first time.
    Raises ValueError when `wall` already has a zone.
    """
    if wall.tzinfo is not None:
        raise ValueError(f"{wall.isoformat()} already has a time zone: pass the naive wall time.")
    # PEP 495: fold=0 reads a wall time with the offset from before the change, which is the first of two in a fold.
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall.replace(fold=0):
        return instant
    return _end_of_gap(wall, zone)


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The clock change that skips `wall`, by bisection: changes fall on whole seconds."""
    before = wall.replace(tzinfo=zone, fold=1, microsecond=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0, microsecond=0).astimezone(UTC)
    new_offset = after.astimezone(zone).utcoffset()
    while (gap := (after - before) // timedelta(seconds=1)) > 1:
        middle = before + timedelta(seconds=gap // 2)
        if middle.astimezone(zone).utcoffset() == new_offset:
            after = middle
        else:
            before = middle
    return after


def working_hours(schedule: Schedule, *, start: datetime, end: datetime) -> Decimal:
    """Hours of working time within [start, end), counted on instants, so right across clock changes.

    Spans that overlap count once. Zero when `end` is not after `start`. Costs a few microseconds a day.
    """
    if end <= start:
        return Decimal(0)
    worked = timedelta()
    covered = start
    last = end.astimezone(schedule.zone).date()
    day = start.astimezone(schedule.zone).date() - timedelta(days=1)  # a night span may reach over midnight
    while day <= last:
        for begins, ends in _spans_on(schedule, day):
            if (upto := min(ends, end)) > (begin := max(begins, covered)):
                worked += upto - begin
                covered = upto
        day += timedelta(days=1)
    return Decimal(worked // timedelta(microseconds=1)) / _HOUR_US


def _spans_on(schedule: Schedule, day: date) -> Iterator[tuple[datetime, datetime]]:
    """The working spans that begin on a local day, as instants, in order."""
    if day in schedule.days_off:
        return
    weekday = day.weekday()
    for span in sorted((s for s in schedule.spans if s.weekday == weekday), key=lambda s: s.starts):
        last = day if span.ends > span.starts else day + timedelta(days=1)
        starts = from_wall(datetime.combine(day, span.starts), schedule.zone)
        yield starts, from_wall(datetime.combine(last, span.ends), schedule.zone)


def week_of(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The local week that holds `now`: Monday 00:00 and the next Monday 00:00, as instants in UTC."""
    today = now.astimezone(zone).date()
    monday = datetime.combine(today - timedelta(days=today.weekday()), time())
    return from_wall(monday, zone), from_wall(monday + timedelta(days=7), zone)


def next_local_time(now: datetime, zone: ZoneInfo, hour: int, minute: int = 0) -> datetime:
    """The first local HH:MM strictly after `now`, in UTC; one that a clock change skips is its first valid instant."""
    wall = datetime.combine(now.astimezone(zone).date(), time(hour, minute))
    while (instant := from_wall(wall, zone)) <= now:
        wall += timedelta(days=1)
    return instant


def shift_into_working_time(
    instant: datetime, schedule: Schedule, choice: Literal["next", "previous", "as_is"]
) -> datetime:
    """`instant` moved to the start of the next or the end of the previous working span, when it is outside all.

    The end of a span still counts as inside: due at 17:00 is due that day. A schedule with no working time within
    400 days moves nothing. A moved instant is in UTC. Raises ValueError for another choice.
    """
    if choice not in ("next", "previous", "as_is"):
        raise ValueError(f"Unknown choice {choice!r}: use next, previous or as_is.")
    if choice == "as_is":
        return instant
    today = instant.astimezone(schedule.zone).date()
    if any(
        begins <= instant <= ends
        for day in (today - timedelta(days=1), today)
        for begins, ends in _spans_on(schedule, day)
    ):
        return instant
    step = 1 if choice == "next" else -1
    for days in range(_SEARCH_DAYS):
        spans = list(_spans_on(schedule, today + timedelta(days=step * days)))
        if step == 1:
            found = [begins for begins, _ in spans if begins > instant]
        else:
            found = [ends for _, ends in spans if ends < instant]
        if found:
            return min(found) if step == 1 else max(found)
    return instant
