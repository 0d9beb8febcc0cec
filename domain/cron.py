"""When a rule of the clock runs: a cron line, one date, or every so many hours or days, all on the local clock."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from domain import recurrence
from domain.calendars import from_wall
from domain.delays import read_time

LEAST_MINUTES = 5
MAX_HOURS = 8_760
COUNT_LIMIT = 10_000
"""Missed runs of a cron line are counted up to here, so that no downtime makes the count expensive."""

_FORMS = 'give one of {"cron": "0 9 * * 1-5"}, {"at": "2026-12-01T09:00"} or {"every": {"days": 2, "at": "09:00"}}'
_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
_ANY_START = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall time; a line that never comes from here on never comes
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True)
class Missed:
    """What the runs came to by now: the last up to now, the next (None after a single date), and how many passed."""

    latest: datetime
    following: datetime | None
    count: int


def check(config: Any) -> list[str]:
    """What is wrong with a timetable, in words that say how to mend it; empty when nothing is."""
    if not isinstance(config, Mapping):
        return [f"The timetable is not an object: {_FORMS}."]
    present = [form for form in _CHECKS if config.get(form) not in (None, "")]
    unknown = sorted(str(key) for key in config if key not in _CHECKS)
    if unknown or len(present) != 1:
        return [f"Unknown field {', '.join(unknown)}: {_FORMS}." if unknown else f"One timetable is needed: {_FORMS}."]
    return _CHECKS[present[0]](config[present[0]])


def next_run(config: Mapping[str, Any], *, after: datetime, zone: ZoneInfo, anchor: datetime) -> datetime | None:
    """The first run strictly after `after`, in UTC; None when there is none any more.

    `every` counts from `anchor`, usually when the rule was made, and runs later than that. A local time that
    spring skips runs at the first instant after the gap, once for all that fell into it; one that autumn repeats runs
    the first time. Raises ValueError for a timetable that `check` complains about.
    """
    return next(_runs(config, after, zone, anchor), None)


def runs_between(
    config: Mapping[str, Any], start: datetime, end: datetime, zone: ZoneInfo, anchor: datetime, limit: int = 1_000
) -> list[datetime]:
    """The runs within [start, end), in UTC, ascending; the first `limit` of them."""
    found: list[datetime] = []
    for run in _runs(config, start - _MICROSECOND, zone, anchor):
        if run >= end or len(found) >= limit:
            break
        found.append(run)
    return found


def collapse(config: Mapping[str, Any], *, due: datetime, now: datetime, zone: ZoneInfo, anchor: datetime) -> Missed:
    """What became of a timetable whose run `due` has come, however long ago; a count of 1 means that none was missed.

    Runs of a cron line are counted up to COUNT_LIMIT. Raises ValueError when `due` is still to come.
    """
    if due > now:
        raise ValueError(f"{due.isoformat()} is still to come: only what is due can be collapsed.")
    due, following = due.astimezone(UTC), next_run(config, after=now, zone=zone, anchor=anchor)
    if "at" in config:
        return Missed(due, following, 1)
    if "cron" in config:
        count = 1 + len(runs_between(config, due + _MICROSECOND, now + _MICROSECOND, zone, anchor, COUNT_LIMIT - 1))
        return Missed(max(due, _last_cron_run(config["cron"], now, zone) or due), following, count)
    every = config["every"]
    if "hours" in every:
        step = timedelta(hours=every["hours"])
        return Missed(due + step * ((now - due) // step), following, (now - due) // step + 1)
    at, cadence = _local_time(every, zone, anchor), f"days:{every['days']}"
    found = recurrence.collapse(cadence, due=due, now=now, zone=zone, at=at)
    return Missed(found.latest, following, found.count)


def sentence(config: Mapping[str, Any]) -> str:
    """The timetable in words, such as "every weekday at 09:00"; a cron line that has no short ones stays as it is."""
    if "at" in config:
        return f"once on {datetime.fromisoformat(config['at']):%Y-%m-%d at %H:%M}"
    if "every" in config:
        every = config["every"]
        if "hours" in every:
            return "every hour" if every["hours"] == 1 else f"every {every['hours']} hours"
        days = "every day" if every["days"] == 1 else f"every {every['days']} days"
        return f"{days} at {at:%H:%M}" if (at := read_time(every.get("at"))) else days
    return _cron_sentence(" ".join(config["cron"].split()))


def _runs(config: Mapping[str, Any], after: datetime, zone: ZoneInfo, anchor: datetime) -> Iterator[datetime]:
    if problems := check(config):
        raise ValueError(" ".join(problems))
    after = after.astimezone(UTC)
    if "cron" in config:
        return _cron_runs(config["cron"], after, zone)
    if "at" in config:
        instant = _instant(config["at"], zone)
        return iter([instant] if instant > after else [])
    anchor = anchor.astimezone(UTC)
    if "hours" in config["every"]:
        return _hourly_runs(config["every"]["hours"], after, anchor)
    return _daily_runs(config["every"], after, zone, anchor)


def _cron_runs(line: str, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Steps over wall times, which know no clock change, and settles each: those inside a gap come out as one."""
    last = after
    try:
        for wall in CronSim(line, after.astimezone(zone).replace(tzinfo=None, fold=0)):
            if (instant := from_wall(wall, zone)) > last:
                yield instant
                last = instant
    except (OverflowError, ValueError):  # the calendar ends with the year 9999
        return


def _last_cron_run(line: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The last run up to now. In the second of two equal hours, walls up to the end of the first have been shown."""
    local = now.astimezone(zone)
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    assert first is not None
    assert second is not None
    latest = local.replace(tzinfo=None, fold=0, microsecond=0) + _SECOND + max(first - second, timedelta())
    for wall in CronSim(line, latest, reverse=True):
        if (instant := from_wall(wall, zone)) <= now:
            return instant
    return None


def _hourly_runs(hours: int, after: datetime, anchor: datetime) -> Iterator[datetime]:
    step = timedelta(hours=hours)
    run = anchor + step * max(1, (after - anchor) // step + 1)
    while True:
        yield run
        run += step


def _daily_runs(every: Mapping[str, Any], after: datetime, zone: ZoneInfo, anchor: datetime) -> Iterator[datetime]:
    """Every N local days from the anchor's day on, at the hour named, else at the anchor's."""
    days, at = timedelta(days=every["days"]), _local_time(every, zone, anchor)
    day, last = anchor.astimezone(zone).date(), max(after, anchor)
    day += days * max(0, (last.astimezone(zone).date() - day) // days - 1)
    while True:
        if (instant := from_wall(datetime.combine(day, at), zone)) > last:
            yield instant
            last = instant
        day += days


def _local_time(every: Mapping[str, Any], zone: ZoneInfo, anchor: datetime) -> time:
    return read_time(every.get("at")) or anchor.astimezone(zone).time()


def _instant(text: str, zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(text)
    return from_wall(moment, zone) if moment.tzinfo is None else moment.astimezone(UTC)


def _check_cron(line: Any) -> list[str]:
    example = 'write five fields, minute hour day month weekday, such as "0 9 * * 1-5" for weekdays at 09:00'
    if not isinstance(line, str) or len(line) > 100 or len(line.split()) != 5:
        return [f"The cron line {str(line)[:100]!r} cannot be read: {example}."]
    never = f"The cron line {line!r} never comes: choose a day that its months have."
    try:
        cron = CronSim(line, _ANY_START)
    except (CronSimError, AssertionError, TypeError, ValueError) as failure:
        if _readable_in_any_month(line):
            return [never]
        return [f"The cron line {line!r} cannot be read ({str(failure).lower() or 'bad field'}): {example}."]
    if _too_often(sorted(cron.minutes), cron.hours):
        return [f"The cron line {line!r} runs more often than every {LEAST_MINUTES} minutes: choose fewer minutes."]
    return [] if next(cron, None) else [never]


def _readable_in_any_month(line: str) -> bool:
    """The library refuses a day that none of the months has as if it were misspelt."""
    minute, hour, day, month, weekday = line.split()
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", _ANY_START)
        CronSim(f"{minute} {hour} * {month} {weekday}", _ANY_START)
    except (CronSimError, AssertionError, TypeError, ValueError):
        return False
    return True


def _too_often(minutes: list[int], hours: set[int]) -> bool:
    """Whether two runs may lie closer together than allowed, within an hour or from one hour to the next."""
    if any(later - earlier < LEAST_MINUTES for earlier, later in pairwise(minutes)):
        return True
    touching = any((hour + 1) % 24 in hours for hour in hours)
    return touching and minutes[0] + 60 - minutes[-1] < LEAST_MINUTES


def _check_at(text: Any) -> list[str]:
    try:
        if not isinstance(text, str) or not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text, re.ASCII):
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        return [f"{text!r} is no date and time: write it as 2026-12-01T09:00, with an offset when it is not local."]
    return []


def _check_every(every: Any) -> list[str]:
    example = '{"hours": 6} or {"days": 2, "at": "09:00"}'
    if not isinstance(every, Mapping) or not every or not set(every) <= {"hours", "days", "at"}:
        return [f"every is {every!r}: give {example}."]
    if ("hours" in every) == ("days" in every):
        return [f"every counts either hours or days: give {example}."]
    unit, most = ("hours", MAX_HOURS) if "hours" in every else ("days", recurrence.MAX_DAYS)
    number = every[unit]
    problems = []
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
        problems.append(f"{unit} is {number!r}: give a whole number from 1 to {most}.")
    if unit == "hours" and every.get("at"):
        problems.append("A time of day goes with days: leave at out, or count days.")
    try:
        at = read_time(every.get("at"))
        if at is not None and at.tzinfo is not None:
            problems.append("The time of day is local: write it without a zone, such as 09:00.")
    except ValueError as failure:
        problems.append(str(failure))
    return problems


_CHECKS = {"cron": _check_cron, "at": _check_at, "every": _check_every}


def _cron_sentence(line: str) -> str:
    minute, hour, day, month, weekday = line.split()
    if month != "*" or not minute.isdecimal():
        return line
    if hour == "*" and day == "*" and weekday == "*":
        return f"every hour at minute {int(minute)}"
    if not hour.isdecimal():
        return line
    at = f"at {int(hour):02}:{int(minute):02}"
    if day == "*" and (days := _weekday_words(weekday.upper())):
        return f"{days} {at}"
    if day.isdecimal() and weekday == "*":
        return f"on day {int(day)} of every month {at}"
    return f"on the last day of every month {at}" if (day.upper(), weekday) == ("L", "*") else line


def _weekday_words(weekday: str) -> str:
    if weekday in ("1-5", "MON-FRI"):
        return "every weekday"
    if weekday == "*":
        return "every day"
    short = [name[:3].upper() for name in _WEEKDAYS]
    if weekday in short:
        return f"every {_WEEKDAYS[short.index(weekday)]}"
    return f"every {_WEEKDAYS[int(weekday) % 7]}" if weekday.isdecimal() else ""
