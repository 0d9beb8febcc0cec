"""Local time made certain: which zone counts, what a wall time means across clock changes, and working time."""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Literal
from zoneinfo import ZoneInfo

_HOUR_US = Decimal(3_600_000_000)
_MICROSECOND = timedelta(microseconds=1)
_NO_PLACE = ("localtime", "posixrules", "Factory")
_OTHER_TREES = ("posix/", "right/")  # the zones once more, the latter with leap seconds
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
    """Somebody's working week in their zone, without the spans that begin on a day off, and less what is `busy`.

    `days_off` is only asked whether it holds a date, so holidays can be worked out a year at a time. `busy` are
    stretches as `merged` makes them: hours within them are not counted, while a day stays a working day.
    """

    spans: tuple[Span, ...]
    zone: ZoneInfo
    days_off: Container[date] = frozenset()
    busy: tuple[tuple[datetime, datetime], ...] = ()


class NoWorkingTime(ValueError):
    """The schedule has no working time in the next 400 days: nothing can be counted in it."""

    def __init__(self, day: date) -> None:
        super().__init__(f"No working time in the {_SEARCH_DAYS} days after {day}: check working hours and days off.")


DEFAULT_WEEK: tuple[Span, ...] = tuple(Span(day, time(9), time(17)) for day in range(5))
"""Monday to Friday, 09:00 to 17:00: 40 hours."""


def merged(stretches: Iterable[tuple[datetime, datetime]]) -> tuple[tuple[datetime, datetime], ...]:
    """The same instants as stretches in UTC that are in order and neither overlap nor touch."""
    joined: list[tuple[datetime, datetime]] = []
    for begins, ends in sorted((begins.astimezone(UTC), ends.astimezone(UTC)) for begins, ends in stretches):
        if begins >= ends:
            continue
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((begins, ends))
    return tuple(joined)


@lru_cache(maxsize=8192)
def first_zone(*names: str | None) -> Zone:
    """The first known IANA zone among `names` (empty ones don't count), else UTC; unknown ones are reported."""
    unknown: list[str] = []
    for name in filter(None, names):
        zone = _known(name)
        if zone is not None:
            return Zone(zone, name, tuple(unknown))
        unknown.append(name)
    return Zone(ZoneInfo("UTC"), "UTC", tuple(unknown))


def _known(name: str) -> ZoneInfo | None:
    """None also for files beside the zones, which mean something else on every host."""
    if name in _NO_PLACE or name.startswith(_OTHER_TREES):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: "Europe" is a folder of the zone database
        return None


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
    until = end.astimezone(schedule.zone).date() + timedelta(days=1)  # a clock put back over midnight has shown it
    for begins, ends in _stretches(schedule, start, until=until):
        if begins >= end:
            break
        worked += min(ends, end) - begins
    return Decimal(worked // _MICROSECOND) / _HOUR_US


class Clock:
    """Working time from one instant on, counted once and then looked up for any instant until `end`."""

    def __init__(self, schedule: Schedule, *, start: datetime, end: datetime) -> None:
        self.end, self._begins, self._ends, self._before = end, [], [], []
        total, until = timedelta(), end.astimezone(schedule.zone).date() + timedelta(days=1)
        for begins, ends in _stretches(schedule, start, until=until):
            self._begins.append(begins)
            self._ends.append(ends)
            self._before.append(total)
            total += ends - begins

    def hours(self, instant: datetime) -> Decimal:
        """As `working_hours` from the start to the instant; one beyond the end counts as the end."""
        return Decimal(self.microseconds(instant)) / _HOUR_US

    def microseconds(self, instant: datetime) -> int:
        """The same, in microseconds."""
        until = min(instant, self.end)
        at = bisect_left(self._begins, until) - 1
        if at < 0:
            return 0
        return (self._before[at] + min(self._ends[at], until) - self._begins[at]) // _MICROSECOND


def add_working_hours(schedule: Schedule, start: datetime, hours: Decimal | int) -> datetime:
    """The first instant, in UTC, by which `hours` of working time have passed since `start`; 0 hours is `start`.

    So `working_hours` from `start` to the answer is `hours` again (to the microsecond), and work that ends with the
    day is due at the day's end, not the next morning. Raises ValueError for negative hours, NoWorkingTime.
    """
    if hours < 0:
        raise ValueError(f"hours is {hours}: give 0 or more.")
    left = timedelta(microseconds=round(Decimal(hours) * _HOUR_US))
    last = start.astimezone(UTC)
    if not left:
        return last
    for begins, ends in _stretches(schedule, last):
        if begins + left <= ends:
            return begins + left
        left -= ends - begins
        last = ends
    raise NoWorkingTime(last.astimezone(schedule.zone).date())


def add_working_days(schedule: Schedule, start: datetime, days: int) -> datetime:
    """`start` moved by working days, in UTC, at the same local wall time; see `working_day_after`."""
    local = start.astimezone(schedule.zone)
    day = working_day_after(schedule, local.date(), days)
    return from_wall(datetime.combine(day, local.time()), schedule.zone)


def working_day_after(schedule: Schedule, day: date, days: int) -> date:
    """The day that is `days` working days after `day`.

    A working day is one on which working time begins: a night shift belongs to the evening it starts. From a day that
    is none the count starts at the next one, so one working day after a Saturday is the Tuesday, as after the Monday.
    Raises ValueError for a negative count, NoWorkingTime.
    """
    if days < 0:
        raise ValueError(f"days is {days}: give 0 or more.")
    if not is_working_day(schedule, day):
        day = next_working_day(schedule, day)
    for _ in range(days):
        day = next_working_day(schedule, day)
    return day


def is_working_day(schedule: Schedule, day: date) -> bool:
    """Whether working time begins on this local day; a day that the zone itself skips has none."""
    return any(True for _ in _spans_on(schedule, day))


def next_working_day(schedule: Schedule, day: date) -> date:
    """The first working day after `day`, `day` itself not counted. Raises NoWorkingTime."""
    for days in range(1, _SEARCH_DAYS + 1):
        if is_working_day(schedule, found := day + timedelta(days=days)):
            return found
    raise NoWorkingTime(day)


def _stretches(
    schedule: Schedule, start: datetime, *, until: date | None = None
) -> Iterator[tuple[datetime, datetime]]:
    """Working time from `start` on as instants, in order, never overlapping.

    Ends with the spans that begin on the local day `until`; without it, after 400 days in a row that bring nothing.
    """
    covered = start.astimezone(UTC)
    day = start.astimezone(schedule.zone).date() - timedelta(days=1)  # a night span may reach over midnight
    idle = 0
    while day <= until if until is not None else idle <= _SEARCH_DAYS:
        idle += 1
        for begins, ends in _spans_on(schedule, day):
            if ends > (begin := max(begins, covered)):
                for free in _less_busy(schedule.busy, begin, ends):
                    yield free
                    idle = 0
                covered = ends
        day += timedelta(days=1)


def _less_busy(
    busy: tuple[tuple[datetime, datetime], ...], begins: datetime, ends: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """What is left of a stretch of working time, in order."""
    for at in range(bisect_right(busy, begins, key=itemgetter(1)), len(busy)):
        start, end = busy[at]
        if start >= ends:
            break
        if begins < start:
            yield begins, start
        begins = end
    if begins < ends:
        yield begins, ends


def _spans_on(schedule: Schedule, day: date) -> Iterator[tuple[datetime, datetime]]:
    """The working spans that begin on a local day, as instants, in order."""
    if day in schedule.days_off:
        return
    weekday = day.weekday()
    for span in sorted((s for s in schedule.spans if s.weekday == weekday), key=lambda s: s.starts):
        last = day if span.ends > span.starts else day + timedelta(days=1)
        starts = from_wall(datetime.combine(day, span.starts), schedule.zone)
        ends = from_wall(datetime.combine(last, span.ends), schedule.zone)
        if starts < ends:  # a clock change may skip all of it
            yield starts, ends


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
        for day in (today - timedelta(days=1), today, today + timedelta(days=1))
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
